import { faultUnder, type Profile } from '#clients/profile.ts'
import type { Initiator } from '#clients/store.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/**
 * Lets in who keeps the profile, also of those that were registered before it was turned on.
 *
 * @throws CibaRefusal `unauthorized_client` with what to change
 */
export function requireProfile(profile: Profile, initiator: Initiator): void {
  const fault = faultUnder(profile, initiator)
  if (fault !== undefined) throw new CibaRefusal('unauthorized_client', fault)
}

/**
 * A person must see that both screens mean the same (FAPI-CIBA §5.2.2).
 *
 * @throws CibaRefusal `invalid_request`
 */
export function requireBinding(profile: Profile, parameters: Parameters): void {
  if (profile === 'core' || parameters.get('binding_message') !== undefined) return
  throw invalidRequest('This server keeps the FAPI profile: a binding_message is needed.')
}
