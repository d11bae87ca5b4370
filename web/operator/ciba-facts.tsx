import type { InitiatorCard } from '../../src/api/contract.ts'
import { isText, t } from '../ui/text.ts'

/** How an app that asks many users makes itself known, gets its results, and what it may ask for. */
export function CibaFacts({ ciba }: { ciba: InitiatorCard }) {
  const bound = ciba.dpop_bound_access_tokens
    ? 'dpop'
    : ciba.tls_client_certificate_bound_access_tokens
      ? 'certificate'
      : 'none'
  const alg = ciba.backchannel_authentication_request_signing_alg
  const method = `ciba.method.${ciba.token_endpoint_auth_method}`
  const codes: [string, string | null][] = [
    [t('ciba.url'), ciba.backchannel_client_notification_endpoint],
    [t('ciba.scope'), ciba.scope],
    [t('ciba.types'), ciba.authorization_details_types.join(' ')],
    [t('ciba.jwks_uri'), ciba.jwks_uri],
    [t('ciba.jwks'), ciba.jwks?.keys.map(({ kid, kty }) => String(kid ?? kty)).join(', ') ?? null],
  ]
  const words: [string, string][] = [
    [t('ciba.mode'), t(`ciba.mode.${ciba.backchannel_token_delivery_mode}`)],
    [t('ciba.method'), isText(method) ? t(method as 'ciba.method.private_key_jwt') : method],
    [t('ciba.signing'), alg ? t('ciba.signing.by', { alg }) : t('ciba.signing.none')],
    [t('ciba.format'), t(`ciba.format.${ciba.access_token_format}`)],
    [t('ciba.bound'), t(`ciba.bound.${bound}`)],
  ]
  const rules = [
    ciba.require_match_code && t('ciba.match'),
    ciba.backchannel_user_code_parameter && t('ciba.userCode'),
    ciba.profile === 'fapi' && t('ciba.fapi.is'),
  ].filter((each) => each !== false)
  return (
    <details>
      <summary>OpenID CIBA</summary>
      <dl class="facts">
        {words.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {codes.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd class="url">
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ),
        )}
      </dl>
      {rules.length > 0 && (
        <ul>
          {rules.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      )}
    </details>
  )
}
