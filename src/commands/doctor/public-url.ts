import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { request } from 'undici'
import { DAY, SECOND } from '#base/clock.ts'
import { asCallFailed } from '#outbound/failures.ts'
import type { Config } from '../../config.ts'
import { type TimeTold, timeOfAnswer } from './clock.ts'
import { type Finding, sentenceOf } from './finding.ts'

const PATIENCE_MS = 5 * SECOND
const SOON_MS = 14 * DAY
const what = 'public address'

/**
 * Calls the public address as a browser would: name, certificate, and whether it is this program that answers. The
 * address is the operator's own, so it is dialled without the guard that addresses of strangers need.
 */
export async function lookAtPublicUrl(
  { url }: Pick<Config, 'url'>,
  now = Date.now,
): Promise<{ finding: Finding; times: TimeTold[] }> {
  if (!url?.startsWith('https:')) {
    return { finding: { state: 'off', what, say: 'none by https, so nothing to look at' }, times: [] }
  }
  const { hostname, port, host } = new URL(url)
  const askedAt = Date.now()
  let certificate: Awaited<ReturnType<typeof handshake>>
  try {
    certificate = await handshake(hostname.replace(/^\[|\]$/g, ''), Number(port || 443))
  } catch (fault) {
    return { finding: unreached(asCallFailed(fault, 'before_sending', { host })), times: [] }
  }
  const { endsAt, protocol } = certificate
  try {
    const answer = await request(`${url}/livez`, { signal: AbortSignal.timeout(PATIENCE_MS) })
    const body = await answer.body.text()
    const times = timeOfAnswer(host, answer.headers.date, askedAt)
    if (answer.statusCode !== 200 || !body.includes('"ok"')) {
      const say = `${url}/livez answers ${answer.statusCode}, not as Countersign would. Does the proxy there lead to this server?`
      return { finding: { state: 'bad', what, say }, times }
    }
    const day = new Date(endsAt).toISOString().slice(0, 10)
    const say = `${url} answers by ${protocol}; its certificate ends on ${day}`
    if (endsAt > now() + SOON_MS) return { finding: { state: 'ok', what, say }, times }
    return { finding: { state: 'soon', what, say: `${say}. See why it was not renewed.` }, times }
  } catch (fault) {
    return { finding: unreached(asCallFailed(fault, 'while_waiting', { host })), times: [] }
  }
}

/** That nothing answers may be because the server is not started yet, or cannot see itself from inside. */
function unreached(fault: Error): Finding {
  const kind = 'kind' in fault ? String(fault.kind) : ''
  if (['connection_refused', 'timeout', 'unreachable', 'connection_lost', 'answer_cut'].includes(kind)) {
    const say = `cannot be reached from here: ${sentenceOf(fault)} If the server and the proxy before it run, see that they are reached from outside.`
    return { state: 'look', what, say }
  }
  if (kind.startsWith('name_'))
    return { state: 'bad', what, say: `${sentenceOf(fault)} Set its DNS record, or mend COUNTERSIGN_URL.` }
  return { state: 'bad', what, say: `${sentenceOf(fault)} Browsers will refuse it: mend the certificate.` }
}

/** @returns when the certificate ends (epoch milliseconds), and what is spoken; rejects with what browsers would mind */
function handshake(host: string, port: number): Promise<{ endsAt: number; protocol: string }> {
  return new Promise((resolve, reject) => {
    const servername = isIP(host) ? '' : host
    const socket = connect({ host, port, servername, minVersion: 'TLSv1.2', timeout: PATIENCE_MS })
    socket.once('secureConnect', () => {
      const endsAt = Date.parse(socket.getPeerCertificate().valid_to)
      resolve({ endsAt, protocol: socket.getProtocol() ?? 'TLS' })
      socket.destroy()
    })
    socket.once('timeout', () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    socket.once('error', reject)
  })
}
