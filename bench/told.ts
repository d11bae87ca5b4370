import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { startReceiver } from '../test/support/receiver.ts'
import { type AppClient, addPerson, approveNow } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { atMost, type BenchOptions, percentile, type Report, roundOf, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'

const GRANT = 'urn:openid:params:grant-type:ciba'
const SAMPLES_A_ROUND = 40
const WARM_UP = 20
/** By then a poll is held for sure; and so long the server rests after each, to write down how it ended. */
const REST_MS = 25
const WAYS = ['long poll', 'ping, then fetched'] as const
const GOAL_MS = 50

/** Milliseconds, round by round. */
interface Found {
  all: number[][]
  afterAnswer: number[][]
  cpuUs: number[]
}

/** From the approval to the tokens at the client, by a poll that is held and by a ping; one at a time, on SQLite. */
export async function benchTold({ rounds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using receiver = await startReceiver((_http, response) => response.writeHead(204).end())
  await using server = await startServer({
    data: folder.path,
    profile,
    env: { COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' },
  })
  const pages = new Pool(server.address)
  const calls = new Pool(server.address)
  const person = await addPerson(server)
  const register = (form: object) =>
    server.admin<AppClient>('/v1/admin/clients', {
      kind: 'initiator',
      name: 'Northwind Agent',
      links: [person.userId],
      ...form,
    })
  const clients = [
    await register({}),
    await register({
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: receiver.url,
    }),
  ]
  const found = WAYS.map((): Found => ({ all: [], afterAnswer: [], cpuUs: [] }))

  async function post(by: AppClient, path: string, fields: Record<string, string>) {
    const pair = Buffer.from(`${by.client_id}:${by.client_secret}`).toString('base64')
    const answer = await calls.request({
      method: 'POST',
      path,
      headers: { authorization: `Basic ${pair}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    })
    const said = (await answer.body.json()) as Record<string, string>
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${JSON.stringify(said)}`)
    return { said, location: String(answer.headers.location ?? '') }
  }

  /** One ask from its beginning; only what follows the approval is measured. */
  async function sample(way: number) {
    const client = clients[way] as AppClient
    const asked = await post(client, '/bc-authorize', {
      scope: 'openid',
      login_hint: person.userId,
      client_notification_token: 'a-token-of-the-clients-own-0123456789',
    })
    const id = asked.location.replace('/v1/requests/', '')
    const fields = { grant_type: GRANT, auth_req_id: asked.said.auth_req_id ?? '' }
    const credential = person.passkey.assert((await person.review(id)).options)
    const before = receiver.posts.length
    const isPing = way === 1
    const fetched = (
      isPing
        ? receiver.received(before + 1).then(() => post(client, '/token', fields))
        : post(client, '/token', fields)
    ).then(() => performance.now())
    await pause(REST_MS)
    const cpuBefore = cpuOf(server.pid)
    const { from, answeredAt } = await approveNow({ server, pages, person }, id, credential)
    const at = await fetched
    await pause(REST_MS)
    return { all: at - from, afterAnswer: at - answeredAt, cpuUs: cpuOf(server.pid) - cpuBefore }
  }

  try {
    const count = WARM_UP + rounds * SAMPLES_A_ROUND
    say(`told: ${count} approvals each way`)
    await server.profiled('told', async () => {
      for (let index = 0; index < count; index += 1) {
        // In turn, so that both ways meet the same machine.
        for (const [way, { all, afterAnswer, cpuUs }] of found.entries()) {
          const told = await sample(way)
          if (index < WARM_UP) continue
          const round = Math.floor((index - WARM_UP) / SAMPLES_A_ROUND)
          roundOf(all, round).push(told.all)
          roundOf(afterAnswer, round).push(told.afterAnswer)
          cpuUs[round] = (cpuUs[round] ?? 0) + told.cpuUs / SAMPLES_A_ROUND
        }
      }
    })
  } finally {
    await Promise.all([pages.destroy(), calls.destroy()])
  }
  return report(found)
}

function report(found: readonly Found[]): Report {
  const row = (path: string, rounds: number[][]) => ({
    path,
    samples: rounds.flat().length,
    'p50 ms': spread(rounds.map((each) => percentile(each, 0.5))),
    'p99 ms': spread(rounds.map((each) => percentile(each, 0.99))),
    'max ms': Math.max(...rounds.flat()),
  })
  const measured = found.flatMap(({ all, afterAnswer, cpuUs }, way) => [
    { path: `${WAYS[way]}: approve sent to tokens`, rounds: all, cpuUs },
    { path: `${WAYS[way]}: approve answered to tokens`, rounds: afterAnswer, cpuUs: undefined },
  ])
  return {
    name: 'told',
    about: 'from the approval to the tokens at a client of CIBA, one at a time, SQLite',
    rows: measured.map(({ path, rounds, cpuUs }) => ({
      ...row(path, rounds),
      ...(cpuUs ? { 'server CPU µs each': spread(cpuUs) } : {}),
    })),
    bars: measured.map(({ path, rounds }) =>
      atMost(`p99, ${path}, ms`, percentile(rounds.flat(), 0.99), GOAL_MS, {
        column: 'p99 ms',
        cells: [path],
      }),
    ),
  }
}
