import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { FeedbackCard } from '#api/contract.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, heldClock, startServer } from '../support/server.ts'
import { startMailServer } from '../support/smtp.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const asAdmin = { authorization: `Bearer ${ADMIN_KEY}` }

const write = (origin: string, body: object, headers: Record<string, string> = { origin }) =>
  fetch(`${origin}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

async function listOf(origin: string): Promise<FeedbackCard[]> {
  const answer = await fetch(`${origin}/v1/admin/feedback`, { headers: asAdmin })
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { feedback: FeedbackCard[] }).feedback
}

async function until<T>(look: () => Promise<T | undefined | null | false | ''>): Promise<T> {
  for (let waited = 0; waited < 8_000; waited += 50) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return assert.fail('It did not come about.')
}

describe('feedback', () => {
  test('from the documents without a name, from the pages with one; the operator reads and clears it away', async () => {
    await using server = await startServer()
    const person = await server.person({ handle: 'asha' })
    const page = '/docs/webhooks'
    const made = await write(server.origin, {
      text: 'A word is missing.\u0007',
      page,
      contact: 'a@example.com',
    })
    assert.equal(made.status, 201)
    await person.must('POST', '/v1/feedback', { text: '<b>Bold</b>', page: '/apps' })

    const [second, first] = await listOf(server.origin)
    assert.deepEqual(second?.user, { user_id: person.userId, handle: 'asha' })
    assert.equal(second?.text, '<b>Bold</b>')
    assert.equal(first?.user, null)
    assert.deepEqual(
      [first?.text, first?.page, first?.contact],
      ['A word is missing.', page, 'a@example.com'],
    )
    assert.deepEqual(first?.forwards, [])

    const at = `${server.origin}/v1/admin/feedback/${first?.id}`
    assert.equal((await fetch(at, { method: 'DELETE' })).status, 401)
    assert.equal((await fetch(at, { method: 'DELETE', headers: asAdmin })).status, 204)
    assert.equal((await fetch(at, { method: 'DELETE', headers: asAdmin })).status, 404)
    assert.equal((await listOf(server.origin)).length, 1)
  })

  test('what cannot be right, comes from elsewhere, or comes too often is refused', async () => {
    await using server = await startServer()
    const { origin } = server
    for (const body of [
      {},
      { text: '' },
      { text: ' \u0000' },
      { text: 'x'.repeat(4_001) },
      { text: 'x', page: 'javascript:1' },
    ])
      assert.equal((await write(origin, body)).status, 400, JSON.stringify(body).slice(0, 60))
    assert.equal((await write(origin, { text: 'x' }, {})).status, 403)
    assert.equal((await write(origin, { text: 'x' }, { origin: 'https://elsewhere.example' })).status, 403)
    assert.equal((await fetch(`${origin}/v1/admin/feedback`)).status, 401)

    const statuses: number[] = []
    for (let i = 0; i < 6; i += 1) statuses.push((await write(origin, { text: `${i}` })).status)
    assert.equal(statuses.at(-1), 429)
    assert.ok((await listOf(origin)).length <= 5)
  })

  test('it is forwarded to a webhook, signed, and again when that was away', async () => {
    const clock = heldClock(Date.now())
    await using receiver = await startReceiver((_http, response, nth) =>
      response.writeHead(nth === 1 ? 500 : 204).end(),
    )
    await using server = await startServer({
      now: clock.now,
      env: { COUNTERSIGN_FEEDBACK_WEBHOOK: receiver.url, COUNTERSIGN_FEEDBACK_WEBHOOK_SECRET: SECRET },
    })
    assert.equal((await write(server.origin, { text: 'Hello' })).status, 201)
    const waiting = await until(async () => {
      const [card] = await listOf(server.origin)
      return card?.forwards[0]?.note ? card : undefined
    })
    assert.deepEqual(
      waiting.forwards.map(({ way, state, note }) => ({ way, state, note })),
      [{ way: 'webhook', state: 'queued', note: 'The webhook answered 500.' }],
    )
    clock.minutes(2)
    const [, post] = await receiver.received(2)
    const message = new Webhook(SECRET).verify(post?.body ?? '', {
      'webhook-id': String(post?.headers['webhook-id']),
      'webhook-timestamp': String(post?.headers['webhook-timestamp']),
      'webhook-signature': String(post?.headers['webhook-signature']),
    }) as Record<string, unknown>
    assert.equal(message.message_type, 'feedback')
    assert.equal(message.text, 'Hello')
    assert.equal(post?.headers['webhook-id'], waiting.id)
    await until(async () => (await listOf(server.origin))[0]?.forwards[0]?.state === 'sent')
  })

  test('it is sent by mail, and nothing in it becomes a header', async () => {
    const clock = heldClock(Date.now())
    await using mail = await startMailServer({ refuse: 1 })
    await using server = await startServer({
      now: clock.now,
      env: {
        COUNTERSIGN_SMTP: mail.url,
        COUNTERSIGN_FEEDBACK_MAIL: 'help@example.com',
        COUNTERSIGN_SMTP_FROM: 'sign@example.com',
      },
    })
    const text = 'One line.\r\nBcc: victim@example.com\r\n.\r\nThe end.'
    await write(server.origin, { text, page: '/docs', contact: 'a@example.com\r\nBcc: victim@example.com' })
    const waiting = await until(async () => (await listOf(server.origin))[0]?.forwards[0]?.note)
    assert.match(waiting, /did not take the mail.*451/)
    clock.minutes(2)
    await until(async () => mail.mails.length === 1)
    const [taken] = mail.mails
    assert.equal(taken?.from, 'sign@example.com')
    assert.deepEqual(taken?.to, ['help@example.com'])
    const [head = '', ...rest] = (taken?.data ?? '').split('\r\n\r\n')
    assert.match(head, /^Subject: Feedback on \/docs$/m)
    assert.doesNotMatch(head, /victim/)
    assert.match(rest.join('\n'), /One line\.[\s\S]*The end\.[\s\S]*Page: http/)
    await until(async () => (await listOf(server.origin))[0]?.forwards[0]?.state === 'sent')
  })

  test('a mail server away loses nothing, shows no password, and is tried again by the next process', async () => {
    const mail = await startMailServer()
    const settings = {
      COUNTERSIGN_SMTP: mail.url.replace('secret', 'hush-hush'),
      COUNTERSIGN_FEEDBACK_MAIL: 'help@example.com',
    }
    const clock = heldClock(Date.now())
    const data = await mkdtemp(join(tmpdir(), 'countersign-'))
    const kept = await startServer({ now: clock.now, data, env: settings })
    await write(kept.origin, { text: 'Kept' })
    const note = await until(async () => (await listOf(kept.origin))[0]?.forwards[0]?.note)
    assert.match(note, /did not take the mail/)
    assert.doesNotMatch(note + kept.lines.join(''), /hush-hush/)
    await kept.stop()
    clock.minutes(2)
    const again = await startServer({
      now: clock.now,
      data,
      env: { ...settings, COUNTERSIGN_SMTP: mail.url, ...kept.storeEnv },
    })
    await until(async () => mail.mails.length === 1)
    await until(async () => (await listOf(again.origin))[0]?.forwards[0]?.state === 'sent')
    await mail[Symbol.asyncDispose]()
    await again.stop()
    await rm(data, { recursive: true })
  })
})
