import { SECOND } from '#base/clock.ts'
import { createOutbound } from '#outbound/dial.ts'
import { createPolicy } from '#outbound/policy.ts'
import { type Config, providerSettings } from '../../config.ts'
import { type TimeTold, timeOfAnswer } from './clock.ts'
import type { Finding } from './finding.ts'

const WHAT = 'sign-in provider'
const PATIENCE_MS = 10 * SECOND

/** Whether the operator's own OpenID provider answers as the issuer that is set, by the same guard as at sign-in. */
export async function lookAtProvider(config: Config): Promise<{ finding: Finding; times: TimeTold[] }> {
  const settings = providerSettings(config)
  if (!settings) {
    return { finding: { state: 'off', what: WHAT, say: 'none; users sign in by passkey alone' }, times: [] }
  }
  const { issuer } = settings
  const outbound = createOutbound({
    policy: createPolicy({ isOpen: config.isDev, allow: config.oidcAllow }),
    proxy: config.outboundProxy,
  })
  const askedAt = Date.now()
  try {
    const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const answer = await outbound.get(address, {}, AbortSignal.timeout(PATIENCE_MS))
    const times = timeOfAnswer(new URL(issuer).host, answer.headers.date, askedAt)
    const said = (JSON.parse(answer.body) as { issuer?: unknown }).issuer
    const finding: Finding =
      said === issuer
        ? { state: 'ok', what: WHAT, say: `${issuer} answers` }
        : {
            state: 'bad',
            what: WHAT,
            say: `${address} answers ${answer.status} and is not of ${issuer}. Write COUNTERSIGN_OIDC_ISSUER to the letter as the provider does.`,
          }
    return { finding, times }
  } catch (fault) {
    const why = fault instanceof SyntaxError ? 'its answer is no JSON' : String((fault as Error).message)
    const say = `${issuer} cannot be used: ${why} Check COUNTERSIGN_OIDC_ISSUER, and COUNTERSIGN_OIDC_ALLOW for one on an inner network.`
    return { finding: { state: 'bad', what: WHAT, say }, times: [] }
  } finally {
    await outbound.close()
  }
}
