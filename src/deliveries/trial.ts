import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { encryptFor } from '#clients/encryption.ts'
import type { Client } from '#clients/store.ts'
import { CallFailed } from '#outbound/dial.ts'
import { sendMessage } from './message.ts'
import type { ProofContext } from './proof.ts'

const DEADLINE_MS = 15 * SECOND
const SHOWN_ANSWER = 4_096

/** What a test delivery brought. */
export interface Trial {
  status: number | null
  /** Milliseconds from the call to the end of the answer. */
  ms: number
  failure: string | null
  /** What was wrong, in a sentence. */
  detail: string | null
  response: string | null
}

/**
 * Sends a sample of a delivery now, once, signed like a real one, with words in the place of the token.
 *
 * @throws Refusal `notifier_missing`
 */
export async function tryDelivery(
  context: ProofContext,
  client: Pick<Client, 'id' | 'userId' | 'notifierUrl' | 'encryptionKey'>,
): Promise<Trial> {
  const { now } = context
  if (!client.notifierUrl) throw new Refusal('notifier_missing')
  const sample = {
    client_id: client.id,
    user_id: client.userId ?? '',
    access_token: 'this-is-a-test-and-no-token',
    token_type: 'Bearer',
    expires_at: String(now()),
    issued_at: String(now()),
    message_type: 'test',
  }
  const plain = Buffer.from(JSON.stringify(sample))
  const body = client.encryptionKey ? await encryptFor(client.encryptionKey, plain) : plain
  const contentType = client.encryptionKey ? 'application/jose' : 'application/json'
  const message = { clientId: client.id, url: client.notifierUrl, contentType, body }
  const startedAt = performance.now()
  const elapsed = () => Math.round(performance.now() - startedAt)
  try {
    const answer = await sendMessage(context, message, DEADLINE_MS)
    const isTaken = answer.status >= 200 && answer.status < 300
    return {
      status: answer.status,
      ms: elapsed(),
      failure: isTaken ? null : 'status',
      detail: isTaken ? null : `It answered ${answer.status}; only 2xx counts as taken.`,
      response: answer.body.slice(0, SHOWN_ANSWER),
    }
  } catch (fault) {
    const isKnown = fault instanceof CallFailed || fault instanceof Refusal
    if (!isKnown) throw fault
    const failure = fault instanceof CallFailed ? fault.kind : 'forbidden_url'
    return { status: null, ms: elapsed(), failure, detail: fault.message, response: null }
  }
}
