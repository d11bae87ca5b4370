import { calculateJwkThumbprint, EmbeddedJWK, errors, type JWTPayload, jwtVerify } from 'jose'
import { CLOCK_SKEW_MS, type Clock, MINUTE, SECOND } from '#base/clock.ts'
import type { Vault } from '#base/seal.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Database } from '#store/database.ts'
import { spendJwt } from './store.ts'

/** By what a proof may be signed (RFC 9449 §5.1). */
export const PROOF_ALGS = ['ES256', 'PS256', 'Ed25519', 'EdDSA'] as const

/** What a proof must be of. */
export interface ProofRule {
  clientId: string
  method: string
  /** Addresses that this call may have come to. */
  urls: readonly string[]
}

/** Proofs that a client holds a key (DPoP, RFC 9449). */
export interface Proofs {
  /**
   * Takes a proof this once, on whichever node (§4.3).
   *
   * @returns the thumbprint of its key (RFC 7638)
   * @throws ProofRefused with a sentence on what is wrong
   */
  take(proof: string, rule: ProofRule): Promise<string>
  /** What the next proof of anybody may hold, so that it is known to be fresh (§8). */
  nonce(): string
}

/** A proof that is not taken. */
export class ProofRefused extends Error {
  override readonly name = 'ProofRefused'
  /** The same with our nonce in it would be taken. */
  readonly needsNonce: boolean

  constructor(
    message: string,
    { needsNonce = false, ...options }: ErrorOptions & { needsNonce?: boolean } = {},
  ) {
    super(message, options)
    this.needsNonce = needsNonce
  }
}

const NONCE_LIFE_MS = 5 * MINUTE
/** Within it everybody has the same nonce. */
const NONCE_STEP_MS = 30 * SECOND
/** A proof is remembered for longer than it could be taken again. */
const REMEMBERED_MS = NONCE_LIFE_MS + 2 * CLOCK_SKEW_MS
const PURPOSE = 'dpop_nonce'

/** @param alwaysAsks whether every proof must hold our nonce; else those alone whose time is not ours */
export function openProofs(
  { db, now, vault }: { db: Database; now: Clock; vault: Vault },
  alwaysAsks: boolean,
): Proofs {
  /** Our own word for a time, known on every node and kept nowhere. */
  const nonceOf = (step: string) => `${step}.${vault.mac(PURPOSE, step)}`
  const isOurNonce = (nonce: string) => {
    const [step = ''] = nonce.split('.')
    const madeAt = Number.parseInt(step, 36) * NONCE_STEP_MS
    const isFresh = madeAt <= now() + CLOCK_SKEW_MS && now() < madeAt + NONCE_LIFE_MS
    return isFresh && vault.isMac(PURPOSE, step, nonce.slice(step.length + 1))
  }

  function requireFresh({ iat, nonce }: JWTPayload) {
    if (typeof iat !== 'number') throw new ProofRefused('Its iat is missing.')
    if (nonce !== undefined) {
      if (typeof nonce === 'string' && isOurNonce(nonce)) return
      throw new ProofRefused('Its nonce is not one of ours, or too old.', { needsNonce: true })
    }
    const isInTime = Math.abs(now() - iat * SECOND) <= CLOCK_SKEW_MS
    if (alwaysAsks || !isInTime)
      throw new ProofRefused('It needs the nonce of this answer.', { needsNonce: true })
  }

  return {
    async take(proof, { clientId, method, urls }) {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: [...PROOF_ALGS],
        currentDate: new Date(now()),
        clockTolerance: CLOCK_SKEW_MS / SECOND,
      }).catch((fault) => {
        throw refusedFor(fault)
      })
      const { htm, htu, jti } = payload
      if (htm !== method) throw new ProofRefused(`Its htm must be ${method}.`)
      if (!urls.includes(plainUrl(htu))) throw new ProofRefused(`Its htu must be ${urls[0]}.`)
      if (typeof jti !== 'string' || jti === '') throw new ProofRefused('Its jti is missing.')
      requireFresh(payload)
      const spent = { clientId, use: 'proof' as const, hash: hashSecret(jti), endsAt: now() + REMEMBERED_MS }
      const isNew = await db.transaction((tx) => spendJwt(tx, spent))
      if (!isNew) throw new ProofRefused('Its jti was used before; sign a new one for each call.')
      // `jose` has seen that there is one, and that it is public.
      return calculateJwkThumbprint(protectedHeader.jwk ?? {}, 'sha256')
    },
    nonce: () => nonceOf(Math.floor(now() / NONCE_STEP_MS).toString(36)),
  }
}

/** Without query and fragment (§4.3), and as `URL` spells it. */
function plainUrl(htu: unknown): string {
  const url = typeof htu === 'string' ? URL.parse(htu) : null
  return url ? `${url.origin}${url.pathname}` : ''
}

/** What a client may be told of its own proof. */
function refusedFor(fault: unknown): ProofRefused {
  if (fault instanceof errors.JWSSignatureVerificationFailed) {
    return new ProofRefused('It is not signed by the key that it names.', { cause: fault })
  }
  if (fault instanceof errors.JOSEError) return new ProofRefused(`${fault.message}.`, { cause: fault })
  // What `jose` and WebCrypto make of a key that is none, or too short.
  return new ProofRefused('Its key cannot be used.', { cause: fault })
}
