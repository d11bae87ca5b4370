import type { FastifyReply } from 'fastify'
import { certificateThumbprint } from '#clients/certificates.ts'
import { ProofRefused } from '#clients/proofs.ts'
import { originsOf } from '#http/credentials.ts'
import type { Confirmation, TokenForm } from '#tokens/issue.ts'
import type { CibaContext, ClientCall } from './context.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'

/**
 * Reads the proof that a call carries, if it does (RFC 9449 §4.3). Whoever sends one is told the nonce of the next.
 *
 * @returns the thumbprint of its key
 * @throws CibaRefusal `invalid_dpop_proof`, `use_dpop_nonce`
 */
export async function readProof(
  context: CibaContext,
  { http, client }: ClientCall,
  reply: FastifyReply,
): Promise<string | undefined> {
  const proof = http.headers.dpop
  if (proof === undefined) return undefined
  const { proofs } = context
  reply.header('dpop-nonce', proofs.nonce())
  const [path = ''] = http.url.split('?')
  try {
    return await proofs.take(String(proof), {
      clientId: client.id,
      method: http.method,
      urls: originsOf(context).map((origin) => origin + path),
    })
  } catch (fault) {
    if (!(fault instanceof ProofRefused)) throw fault
    const error = fault.needsNonce ? 'use_dpop_nonce' : 'invalid_dpop_proof'
    throw new CibaRefusal(error, `The DPoP proof is not taken. ${fault.message}`)
  }
}

/**
 * How the client gets the tokens of this call: as it is registered to get them, and bound to what it shows.
 *
 * @throws CibaRefusal `invalid_dpop_proof` also where one is missing (§5.2), `invalid_request` without a certificate that
 *   is needed (RFC 8705 §3)
 */
export async function readTokenForm(
  context: CibaContext,
  call: ClientCall,
  reply: FastifyReply,
): Promise<TokenForm> {
  const { boundBy, tokenFormat: format } = call.initiator
  const jkt = await readProof(context, call, reply)
  if (boundBy === 'certificate') return { format, cnf: requireCertificate(call) }
  if (jkt !== undefined) return { format, cnf: { jkt } }
  if (boundBy !== 'dpop') return { format, cnf: undefined }
  throw new CibaRefusal(
    'invalid_dpop_proof',
    'This client is registered for tokens bound by DPoP; send a proof.',
  )
}

/**
 * The key that a request names for its tokens: by `dpop_jkt`, or by a proof (RFC 9449 §10, §10.1). A push is fetched by
 * nobody, so a client whose tokens must be bound names it here.
 */
export async function readKeyToBe(
  context: CibaContext,
  call: ClientCall,
  named: string | undefined,
  reply: FastifyReply,
): Promise<string | undefined> {
  const proven = await readProof(context, call, reply)
  if (named !== undefined && !/^[\w-]{43}$/.test(named)) {
    throw invalidRequest('dpop_jkt must be the SHA-256 thumbprint of a key, in base64url.')
  }
  if (named !== undefined && proven !== undefined && named !== proven) {
    throw invalidRequest('dpop_jkt names another key than the DPoP proof.')
  }
  const { boundBy, deliveryMode } = call.initiator
  const key = named ?? proven
  if (key === undefined && boundBy === 'dpop' && deliveryMode === 'push') {
    throw invalidRequest('Tokens of this client are bound by DPoP and pushed: name the key by dpop_jkt.')
  }
  return key
}

function requireCertificate({ certificate }: ClientCall): Confirmation {
  if (certificate) return { 'x5t#S256': certificateThumbprint(certificate.x509) }
  throw invalidRequest('Tokens of this client are bound to its certificate: show it, at the mTLS address.')
}
