import { newId } from '#base/ids.ts'
import type { Answer } from '#outbound/dial.ts'
import type { ProofContext } from './proof.ts'
import { signedHeaders } from './sign.ts'

interface SideMessage {
  clientId: string
  url: string
  contentType: string
  body: Uint8Array
}

/**
 * POSTs a message that is no delivery (a check, a test), signed like one, by the client's own TLS, under an id of its own.
 *
 * @throws CallFailed, and Refusal `notifier_refused` when the URL breaks a rule
 */
export async function sendMessage(
  { db, now, outbound, callKeys }: Pick<ProofContext, 'db' | 'now' | 'outbound' | 'callKeys'>,
  { clientId, url, contentType, body }: SideMessage,
  deadlineMs: number,
): Promise<Answer> {
  const { signing, tls } = await db.transaction((tx) => callKeys(tx, clientId, now()))
  const headers = {
    'content-type': contentType,
    'user-agent': 'Countersign',
    ...signedHeaders(newId('chk'), now(), body, signing),
  }
  return outbound.post(url, headers, body, AbortSignal.timeout(deadlineMs), { tls })
}
