import { hash } from 'node:crypto'
import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { checkAssertion } from '#users/passkeys.ts'
import type { Passkey } from '#users/store.ts'
import type { Site } from '#users/users.ts'
import type { ReviewRow } from './store.ts'
import { approvalChallenge } from './summary.ts'

/** Proof of an approval: all that is needed to check it later, by anybody, without us. */
export interface Evidence {
  v: 1
  /** The text that was shown, to the byte. */
  approval: string
  /** base64url */
  nonce: string
  origin: string
  rp_id: string
  decided_at: number
  passkey: { id: string; public_key: string; registered_at: number }
  assertion: {
    authenticator_data: string
    client_data_json: string
    signature: string
    user_handle: string | null
  }
}

interface Signed {
  review: ReviewRow
  passkey: Passkey
  credential: AuthenticationResponseJSON
  decidedAt: number
}

export function makeEvidence(site: Site, { review, passkey, credential, decidedAt }: Signed): string {
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response
  const evidence: Evidence = {
    v: 1,
    approval: review.approval,
    nonce: Buffer.from(review.nonce).toString('base64url'),
    // That of the page or app in which the passkey signed; it was checked against those that may.
    origin: JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8')).origin,
    rp_id: site.rpId,
    decided_at: decidedAt,
    passkey: {
      id: passkey.credentialId,
      public_key: Buffer.from(passkey.publicKey).toString('base64url'),
      registered_at: passkey.createdAt,
    },
    assertion: {
      authenticator_data: authenticatorData,
      client_data_json: clientDataJSON,
      signature,
      user_handle: userHandle ?? null,
    },
  }
  return JSON.stringify(evidence)
}

export interface Verdict {
  approval: Record<string, unknown>
  decidedAt: number
  /** SHA-256 of the public key, to be compared with the one that the account is known by. */
  passkeyFingerprint: string
}

/**
 * Checks that the passkey in the evidence signed exactly the approval in it, with user verification.
 * It does not prove whose passkey that is: compare the fingerprint with the account's own list.
 *
 * @throws Error with a sentence on what does not hold
 */
export async function verifyEvidence(text: string): Promise<Verdict> {
  const evidence = parse(text)
  const { passkey, assertion } = evidence
  const challenge = approvalChallenge(evidence.approval, Buffer.from(evidence.nonce, 'base64url'))
  const publicKey = new Uint8Array(Buffer.from(passkey.public_key, 'base64url'))
  const response: AuthenticationResponseJSON = {
    id: passkey.id,
    rawId: passkey.id,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      authenticatorData: assertion.authenticator_data,
      clientDataJSON: assertion.client_data_json,
      signature: assertion.signature,
    },
  }
  // A counter of 0 lets any counter pass: whether the passkey was cloned was judged at the time.
  const credential = { id: passkey.id, publicKey, counter: 0 }
  const site = { origin: evidence.origin, rpId: evidence.rp_id }
  await checkAssertion(site, response, challenge, credential).catch((fault) => {
    const why = fault.cause instanceof Error ? fault.cause.message : fault.message
    throw new Error(`The signature does not fit what was shown: ${why}`)
  })
  return {
    approval: JSON.parse(evidence.approval),
    decidedAt: evidence.decided_at,
    passkeyFingerprint: hash('sha256', publicKey, 'hex'),
  }
}

/** What is kept of an approval in test mode, which nobody signed. It says so, and is never taken for a proof. */
export const simulatedEvidence = (approval: string, decidedAt: number): string =>
  JSON.stringify({ v: 1, simulated: true, approval, decided_at: decidedAt })

function parse(text: string): Evidence {
  let evidence: Evidence
  try {
    evidence = JSON.parse(text)
  } catch {
    throw new Error('This is no evidence: the file is not JSON.')
  }
  if (evidence && 'simulated' in evidence)
    throw new Error('This approval was simulated in test mode: no passkey signed it.')
  const { approval, nonce, origin, rp_id, passkey, assertion } = evidence ?? {}
  const texts = [approval, nonce, origin, rp_id, passkey?.id, passkey?.public_key]
  texts.push(assertion?.authenticator_data, assertion?.client_data_json, assertion?.signature)
  if (evidence?.v !== 1 || texts.some((each) => typeof each !== 'string')) {
    throw new Error('This is no evidence of version 1: a field is missing.')
  }
  return evidence
}
