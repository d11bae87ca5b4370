import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Pool } from 'undici'
import { type Account, addAccount, ask, statusOf } from '../support/crowd.ts'
import { temporaryFolder } from '../support/folder.ts'
import { readMetrics } from '../support/metrics.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { selectFrom } from '../support/select.ts'
import { ADMIN_KEY, basic } from '../support/server.ts'
import { until } from '../support/until.ts'
import { startWitness } from '../support/witness.ts'

const PEOPLE = 12
const CALLERS = 40
/** It ends before, once all that is looked at has been seen. */
const LONGEST_BURST_MS = 60_000

test('more asks than can be done are turned away with retry-after; decisions, deliveries and health go on, and nothing promised is lost', async (t) => {
  await using data = await temporaryFolder('faults')
  await using server = startProcess({
    data: data.path,
    port: await freePort(),
    // A bound that a small burst can reach.
    env: { COUNTERSIGN_OVERLOAD_CALLS: '4', COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' },
  })
  await server.says(READY)
  await using witness = await startWitness((_post, response) => response.end('ok'))
  const { origin } = server
  const accounts: Account[] = []
  while (accounts.length < PEOPLE)
    accounts.push(await addAccount(origin, `person-${accounts.length}`, witness.url))
  const initiator = await addInitiator(origin)
  const waiting = await ask(origin, (accounts[0] as Account).app)

  const burst = startBurst(origin, accounts.slice(1), initiator)
  await until(() => burst.turnedAway.upstox > 20 && burst.turnedAway.ciba > 5, 30_000)
  // Whoever decides meanwhile is heard, and what they decided is delivered.
  const [{ app, person }] = accounts as [Account]
  assert.equal((await person.approve(waiting)).status, 200)
  await until(() => witness.posts.some(({ isTaken }) => isTaken), 20_000)
  for (const path of ['livez', 'readyz']) assert.equal((await fetch(`${origin}/${path}`)).status, 200, path)
  assert.ok(!burst.isOver(), 'all this was while the burst went on')
  const promised = await burst.end()

  const from = performance.now()
  await until(async () => (await askStatus(origin, app)) === 200, 5_000)
  t.diagnostic(JSON.stringify({ ...burst.turnedAway, promised: promised.size, ...burst.odd }))
  assert.ok(performance.now() - from < 5_000)
  assert.deepEqual(burst.odd, {}, 'each other call was answered with 200')

  assert.ok(promised.size > 0)
  for (const [id, owner] of promised) {
    assert.equal((await statusOf(origin, owner, id)).status, 'pending', id)
  }
  const [row] = await selectFrom(
    { path: join(data.path, 'countersign.db') },
    `select count(*) as count from token_requests where state = 'pending'`,
  )
  // And the one that was asked for just now.
  assert.equal(row?.count, promised.size + 1)
  assert.match(server.output(), /More comes than can be done/)
  const metrics = readMetrics(
    await (await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text(),
  )
  const counted = metrics.get('countersign_http_shed_total{calls="asks"}') ?? 0
  assert.ok(counted >= burst.turnedAway.upstox + burst.turnedAway.ciba)
})

/** Asks without waiting for one another, over and over, for a while. */
function startBurst(
  origin: string,
  accounts: readonly Account[],
  initiator: { client_id: string; client_secret: string },
) {
  const pool = new Pool(origin.replace('localhost', '127.0.0.1'), { connections: CALLERS })
  const turnedAway = { upstox: 0, ciba: 0 }
  const odd: Record<string, number> = {}
  const promised = new Map<string, Account['app']>()
  const end = performance.now() + LONGEST_BURST_MS
  let [isOver, isEnding] = [false, false]

  async function askUpstox({ app }: Account) {
    const answer = await pool.request({
      method: 'POST',
      path: `/v3/login/auth/token/request/${app.client_id}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_secret: app.client_secret }),
    })
    const body = (await answer.body.json()) as { errors?: { errorCode: string }[] }
    if (answer.statusCode === 200)
      return promised.set(String(answer.headers.location).replace('/v1/requests/', ''), app)
    if (isTurnedAway(answer) && body.errors?.[0]?.errorCode === 'UDAPI100500') turnedAway.upstox += 1
    else note(answer.statusCode, body)
  }

  /** It has linked nobody: an ask that is let through is refused, and one that is turned away is not even read. */
  async function askCiba() {
    const answer = await pool.request({
      method: 'POST',
      path: '/bc-authorize',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(initiator) },
      body: new URLSearchParams({ scope: 'openid', login_hint: 'nobody' }).toString(),
    })
    const body = (await answer.body.json()) as { error: string }
    if (answer.statusCode === 400 && body.error === 'unknown_user_id') return
    if (isTurnedAway(answer) && body.error === 'temporarily_unavailable') turnedAway.ciba += 1
    else note(answer.statusCode, body)
  }

  function note(status: number, body: unknown) {
    const what = `${status} ${JSON.stringify(body)}`
    odd[what] = (odd[what] ?? 0) + 1
  }

  const callers = Array.from({ length: CALLERS }, async (_, nth) => {
    for (let turn = nth; !isEnding && performance.now() < end; turn += 1) {
      if (turn % 5 === 0) await askCiba()
      else await askUpstox(accounts[turn % accounts.length] as Account)
    }
  })
  const over = Promise.all(callers).then(async () => {
    isOver = true
    await pool.close()
  })
  return {
    turnedAway,
    odd,
    isOver: () => isOver,
    /** @returns what was promised */
    async end() {
      isEnding = true
      await over
      return promised
    },
  }
}

const isTurnedAway = ({
  statusCode,
  headers,
}: {
  statusCode: number
  headers: Record<string, string | string[] | undefined>
}) => statusCode === 503 && Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 3

async function askStatus(origin: string, app: Account['app']) {
  const answer = await fetch(`${origin}/v3/login/auth/token/request/${app.client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret: app.client_secret }),
  })
  await answer.text()
  return answer.status
}

async function addInitiator(origin: string) {
  const answer = await fetch(`${origin}/v1/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'initiator', name: 'Agent', delivery_mode: 'poll', scopes: ['openid'] }),
  })
  assert.equal(answer.status, 201, await answer.clone().text())
  const { client_id, client_secret } = (await answer.json()) as { client_id: string; client_secret: string }
  return { client_id, client_secret }
}
