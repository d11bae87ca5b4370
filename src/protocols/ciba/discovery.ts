import { CLIENT_ALGS } from '#clients/jwks.ts'
import { allowedBy } from '#clients/profile.ts'
import { PROOF_ALGS } from '#clients/proofs.ts'
import type { Server } from '#http/server.ts'
import { ACR } from '#tokens/id-token.ts'
import { MOST_CACHE_S } from '#tokens/keys.ts'
import type { CibaContext } from './context.ts'
import { CIBA_GRANT, REFRESH_GRANT } from './token.ts'

/** What this server can do (OpenID Connect Discovery 1.0 §4, RFC 8414 §3), and the keys that its tokens are signed with. */
export function discoveryRoutes(
  server: Server,
  { site, issuer, profile, askRules, catalogue, certificates }: CibaContext,
) {
  const { renewableMs } = askRules
  const { modes, authMethods: known } = allowedBy(profile)
  const authMethods = known.filter((each) => certificates !== undefined || !isByCertificate(each))
  const metadata = () => ({
    issuer: site.origin,
    backchannel_authentication_endpoint: `${site.origin}/bc-authorize`,
    token_endpoint: `${site.origin}/token`,
    introspection_endpoint: `${site.origin}/introspect`,
    introspection_endpoint_auth_methods_supported: authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    revocation_endpoint: `${site.origin}/revoke`,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    jwks_uri: `${site.origin}/jwks`,
    backchannel_token_delivery_modes_supported: modes,
    backchannel_authentication_request_signing_alg_values_supported: CLIENT_ALGS,
    backchannel_user_code_parameter_supported: askRules.takesUserCodes,
    grant_types_supported: [CIBA_GRANT, ...(renewableMs > 0 ? [REFRESH_GRANT] : [])],
    ...(certificates ? mutualTls(certificates.origin) : {}),
    // No address that a browser is sent to belongs to this protocol.
    response_types_supported: [],
    ...(catalogue.details.size > 0
      ? { authorization_details_types_supported: [...catalogue.details.keys()] }
      : {}),
    scopes_supported: ['openid', ...(renewableMs > 0 ? ['offline_access'] : [])],
    subject_types_supported: ['public'],
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    dpop_signing_alg_values_supported: PROOF_ALGS,
    id_token_signing_alg_values_supported: ['ES256'],
    acr_values_supported: [ACR],
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'amr', 'at_hash'],
  })
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
    server.get(path, async (_http, reply) => {
      reply.header('cache-control', `public, max-age=${MOST_CACHE_S}`)
      return metadata()
    })
  }
  server.get('/jwks', async (_http, reply) => {
    reply.header('cache-control', `public, max-age=${MOST_CACHE_S}`)
    return issuer.keys.published()
  })
}

/** RFC 8705 §3.3, §5. */
const mutualTls = (origin: string | undefined) => ({
  tls_client_certificate_bound_access_tokens: true,
  ...(origin === undefined
    ? {}
    : {
        mtls_endpoint_aliases: {
          backchannel_authentication_endpoint: `${origin}/bc-authorize`,
          token_endpoint: `${origin}/token`,
          introspection_endpoint: `${origin}/introspect`,
          revocation_endpoint: `${origin}/revoke`,
        },
      }),
})

const isByCertificate = (method: string) => method.endsWith('tls_client_auth')
