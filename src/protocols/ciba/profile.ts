import { faultUnder, profileFor, whoseProfile } from '#clients/profile.ts'
import type { Initiator, Profile } from '#clients/store.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/**
 * Lets in who keeps its profile, also of those that were registered before the server's was turned on.
 *
 * @throws CibaRefusal `unauthorized_client` with what to change
 */
export function requireProfile(server: Profile, initiator: Initiator): void {
  const fault = faultUnder(server, initiator)
  if (fault !== undefined) throw new CibaRefusal('unauthorized_client', fault)
}

/**
 * A person must see that both screens mean the same (FAPI-CIBA §5.2.2).
 *
 * @throws CibaRefusal `invalid_request`
 */
export function requireBinding(server: Profile, initiator: Initiator, parameters: Parameters): void {
  const isNeeded = profileFor(server, initiator) === 'fapi'
  if (!isNeeded || parameters.get('binding_message') !== undefined) return
  throw invalidRequest(`${whoseProfile(server)} the FAPI profile: a binding_message is needed.`)
}
