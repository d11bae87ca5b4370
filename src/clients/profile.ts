import { AUTH_METHODS, type AuthMethod, DELIVERY_MODES, type Initiator, type Profile } from './store.ts'

/** The rules that a client must keep: the server's for everybody, or stricter ones that it is registered for. */
export const profileFor = (server: Profile, client: Pick<Initiator, 'profile'>): Profile =>
  server === 'fapi' ? server : client.profile

/** Whether it authenticates by a secret that we share with it. */
export const isShared = (method: AuthMethod) => method.startsWith('client_secret_')

/** What a client may be under a profile. */
export const allowedBy = (profile: Profile) =>
  profile === 'core'
    ? { modes: DELIVERY_MODES, authMethods: AUTH_METHODS }
    : { modes: ['poll', 'ping'] as const, authMethods: AUTH_METHODS.filter((each) => !isShared(each)) }

/**
 * What a client would have to change to keep its profile (FAPI-CIBA §5.2.2): no push, no shared secret, signed requests,
 * tokens that are bound to it.
 *
 * @param server the profile of the whole server
 * @returns undefined when it keeps it
 */
export function faultUnder(
  server: Profile,
  client: Pick<Initiator, 'deliveryMode' | 'authMethod' | 'requestAlg' | 'boundBy' | 'profile'>,
): string | undefined {
  const profile = profileFor(server, client)
  if (profile === 'core') return undefined
  const { modes, authMethods } = allowedBy(profile)
  const say = (what: string) => `${whoseProfile(server)} the FAPI profile, and of this client: ${what}.`
  if (!isOneOf(modes, client.deliveryMode)) return say('push is off; register it for poll or ping')
  if (!isOneOf(authMethods, client.authMethod))
    return say(`it must authenticate by ${authMethods.join(' or ')}`)
  if (client.requestAlg === null) return say('it must sign its requests, by PS256 or ES256')
  if (client.boundBy === null)
    return say('its tokens must be bound to it; register it for DPoP or its certificate')
  return undefined
}

/** Who is to be asked, if it should be otherwise. */
export const whoseProfile = (server: Profile) =>
  server === 'core' ? 'This client is registered for' : 'This server keeps'

const isOneOf = (words: readonly string[], word: string) => words.includes(word)
