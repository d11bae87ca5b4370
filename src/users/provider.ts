import type { Configuration, IDToken } from 'openid-client'
import { CLOCK_SKEW_MS, HOUR, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Outbound } from '#outbound/dial.ts'
import type { Role } from './store.ts'

/** The operator's own OpenID provider, where users sign in as they do for everything else. */
export interface ProviderSettings {
  issuer: string
  clientId: string
  clientSecret: string
  scopes: string
  /** Claim that holds the handle. */
  handleClaim: string
  createsUsers: boolean
  roleClaim: string | undefined
  roles: (readonly [value: string, role: Role])[]
  /** Development: the provider may speak http. */
  isOpen: boolean
}

/** What the provider says of somebody. */
export interface ProviderUser {
  issuer: string
  subject: string
  handle: string
  name: string | null
  /** Undefined where roles are given here. */
  role: Role | undefined
}

/** What goes to the provider and must come back. */
export interface Journey {
  state: string
  nonce: string
  verifier: string
}

export interface Provider {
  readonly settings: ProviderSettings
  /** Where the browser goes. @throws Refusal `provider_unreachable` */
  address(journey: Journey, redirectUrl: string): Promise<string>
  /** Who came back. @throws Refusal `provider_refused`, `provider_unreachable` */
  userOf(callback: URL, journey: Journey): Promise<ProviderUser>
}

const DEADLINE_MS = 10 * SECOND
/** The provider's metadata is read again after this long. */
const METADATA_LIFE_MS = HOUR

/** OpenID Connect Core 1.0 by the code flow with PKCE, state and nonce. All calls go through the guard. */
export function createProvider(settings: ProviderSettings, outbound: Outbound): Provider {
  let known: { at: number; metadata: Promise<Configuration> } | undefined

  const fetchGuarded = async (url: string, { method, headers, body }: FetchOptions): Promise<Response> => {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const sent = Object.fromEntries(new Headers(headers))
    const answer =
      method === 'GET'
        ? await outbound.get(url, sent, signal)
        : await outbound.post(url, sent, String(body ?? ''), signal)
    const given = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')])
    return new Response(answer.body, { status: answer.status, headers: Object.fromEntries(given) })
  }

  async function read(): Promise<Configuration> {
    const client = await import('openid-client')
    return client.discovery(
      new URL(settings.issuer),
      settings.clientId,
      { client_secret: settings.clientSecret, [client.clockTolerance]: CLOCK_SKEW_MS / SECOND },
      undefined,
      {
        [client.customFetch]: fetchGuarded as never,
        ...(settings.isOpen ? { execute: [client.allowInsecureRequests] } : {}),
      },
    )
  }

  function metadata(): Promise<Configuration> {
    const at = performance.now()
    if (!known || at - known.at > METADATA_LIFE_MS) known = { at, metadata: read() }
    return known.metadata.catch((cause) => {
      known = undefined
      throw new Refusal('provider_unreachable', { cause })
    })
  }

  return {
    settings,
    async address({ state, nonce, verifier }, redirectUrl) {
      const configuration = await metadata()
      const client = await import('openid-client')
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUrl,
        scope: settings.scopes,
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      return url.href
    },

    async userOf(callback, { state, nonce, verifier }) {
      const configuration = await metadata()
      const client = await import('openid-client')
      try {
        const tokens = await client.authorizationCodeGrant(configuration, callback, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        })
        const own = tokens.claims() as IDToken
        // Many providers put no more than the subject into the ID token (OpenID Connect Core 1.0 §5.4).
        const more = configuration.serverMetadata().userinfo_endpoint
          ? await client.fetchUserInfo(configuration, tokens.access_token, own.sub)
          : {}
        return readClaims(settings, { ...more, ...own })
      } catch (cause) {
        if (cause instanceof Refusal) throw cause
        throw new Refusal('provider_refused', { cause })
      }
    },
  }
}

interface FetchOptions {
  method: string
  headers: Record<string, string>
  body?: unknown
}

function readClaims(
  settings: ProviderSettings,
  claims: Record<string, unknown> & { sub: string },
): ProviderUser {
  const { issuer, handleClaim, roleClaim, roles } = settings
  const handle = claims[handleClaim]
  if (typeof handle !== 'string' || !/^[!-~]{1,100}$/.test(handle)) {
    throw new Refusal('provider_refused', {
      detail: `The provider says no usable “${handleClaim}” of you. The operator must look at COUNTERSIGN_OIDC_HANDLE_CLAIM.`,
    })
  }
  if (handleClaim === 'email' && claims.email_verified !== true) {
    throw new Refusal('provider_refused', { detail: 'The provider has not verified your mail address.' })
  }
  const held = roleClaim ? [claims[roleClaim]].flat() : []
  return {
    issuer,
    subject: claims.sub,
    handle,
    name: typeof claims.name === 'string' ? claims.name.slice(0, 100) : null,
    role: roleClaim ? (roles.find(([value]) => held.includes(value))?.[1] ?? 'owner') : undefined,
  }
}
