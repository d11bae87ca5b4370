import { MINUTE } from '#base/clock.ts'
import { AUTH_METHODS, DELIVERY_MODES, type Initiator } from '#clients/store.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/** Which rules hold for every client of this server: those of CIBA Core 1.0, or those of FAPI-CIBA too. */
export type CibaProfile = 'core' | 'fapi'

/** What a client may be under a profile. */
export const allowedBy = (profile: CibaProfile) =>
  profile === 'core'
    ? { modes: DELIVERY_MODES, authMethods: AUTH_METHODS }
    : { modes: ['poll', 'ping'] as const, authMethods: ['private_key_jwt'] as const }

/** Our tokens are bound to no key, and so are good for less than this (FAPI-CIBA §5.2.2). */
export const FAPI_TOKEN_LIFE_MS = 9 * MINUTE

/**
 * Lets in who keeps the profile: no push, no shared secret, signed requests (FAPI-CIBA §5.2.2).
 *
 * @throws CibaRefusal `unauthorized_client` with what to change
 */
export function requireProfile(profile: CibaProfile, initiator: Initiator): void {
  const { modes, authMethods } = allowedBy(profile)
  if (!includes(modes, initiator.deliveryMode)) refuse('push is off; register it for poll or ping')
  if (!includes(authMethods, initiator.authMethod)) refuse('it must authenticate by private_key_jwt')
  if (profile === 'fapi' && initiator.requestAlg === null) refuse('it must sign its requests')
}

/**
 * A person must see that both screens mean the same (FAPI-CIBA §5.2.2).
 *
 * @throws CibaRefusal `invalid_request`
 */
export function requireBinding(profile: CibaProfile, parameters: Parameters): void {
  if (profile === 'core' || parameters.get('binding_message') !== undefined) return
  throw invalidRequest('This server keeps the FAPI profile: a binding_message is needed.')
}

const includes = (words: readonly string[], word: string) => words.includes(word)

function refuse(why: string): never {
  throw new CibaRefusal('unauthorized_client', `This server keeps the FAPI profile; of this client: ${why}.`)
}
