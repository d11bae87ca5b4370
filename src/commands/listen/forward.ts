import { createSecretKey, timingSafeEqual } from 'node:crypto'
import { request } from 'undici'
import { SECOND } from '#base/clock.ts'
import { signedHeaders } from '#deliveries/sign.ts'
import type { Post } from './stream.ts'

export interface Outcome {
  /** Null when the URL could not be reached. */
  status: number | null
  ms: number
  response?: string
  /** What more there is to say. */
  say?: string
}

/** Shorter than the server waits. */
const PATIENCE_MS = 12 * SECOND
const SHOWN_ANSWER = 4_096

/** POSTs the very bytes and headers that the server would have sent to the endpoint. */
export async function forward(url: string, { headers, body }: Post): Promise<Outcome> {
  const startedAt = performance.now()
  const elapsed = () => Math.round(performance.now() - startedAt)
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const answer = await request(url, { method: 'POST', headers, body: Buffer.from(body, 'base64'), signal })
    const response = (await answer.body.text()).slice(0, SHOWN_ANSWER)
    return { status: answer.statusCode, ms: elapsed(), response }
  } catch (fault) {
    const why = fault instanceof Error && 'code' in fault ? String(fault.code) : String(fault)
    return { status: null, ms: elapsed(), say: `${new URL(url).host} did not answer (${why})` }
  }
}

/** Standard Webhooks 1.0.0: one of the signatures must be of the secret that this app's owner was shown. */
export function verifySignature({ headers, body }: Post, signingSecret: string): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': time = '', 'webhook-signature': given = '' } = headers
  const key = createSecretKey(Buffer.from(signingSecret.replace('whsec_', ''), 'base64'))
  const signed = signedHeaders(id, Number(time) * SECOND, Buffer.from(body, 'base64'), [key])
  const expected = Buffer.from(signed['webhook-signature'] ?? '')
  return given.split(' ').some((each) => {
    const one = Buffer.from(each)
    return one.length === expected.length && timingSafeEqual(one, expected)
  })
}
