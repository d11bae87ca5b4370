import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { newId } from '#base/ids.ts'
import { linkUser } from '#clients/links.ts'
import { migrate } from '#store/migrate.ts'
import { openSqlite } from '#store/sqlite.ts'
import { insertUser } from '#users/store.ts'
import { cpuOf, startChild } from './support/child.ts'
import {
  atLeast,
  atMost,
  type BenchOptions,
  median,
  percentile,
  type Report,
  ratios,
  spread,
} from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'

const PEER = fileURLToPath(new URL('./support/peer-ciba.ts', import.meta.url))
const GRANT = 'urn:openid:params:grant-type:ciba'
/** Whole flows for each second that is asked for; each user is asked once in a round. */
const FLOWS_A_SECOND = 500
const CONNECTIONS = 50
const STEPS = ['ask', 'pending', 'redeem', 'introspect'] as const
type Step = (typeof STEPS)[number]
/** Of each step: answers a second and processor time, times the peer's. */
const GOALS: Record<Step, [rate: number, cpu: number]> = {
  ask: [2, 0.45],
  pending: [2.5, 0.4],
  redeem: [2, 0.4],
  introspect: [2, 0.5],
}
const RATE = 'answers/s, times the peer'
const CPU = 'CPU, times the peer'

/** A server of CIBA: where it is called, and as whom. */
interface Side {
  name: string
  pid: number
  address: string
  paths: Record<'ask' | 'token' | 'introspect' | 'approve', string>
  client: { id: string; secret: string }
  /** Does one step; ours is profiled meanwhile, if that was asked for. */
  during<T>(step: Step, work: () => Promise<T>): Promise<T>
}

/** The flow of CIBA, step by step: on disk (SQLite) here, in memory at node-oidc-provider. */
export async function benchCiba({ rounds, seconds, profile, say }: BenchOptions): Promise<Report> {
  const flows = FLOWS_A_SECOND * seconds
  await using folder = await temporaryFolder()
  const users = await prepareUsers(folder.path, flows)
  await using server = await startServer({
    data: folder.path,
    profile,
    env: { COUNTERSIGN_CIBA_HOLD: '0s', COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' },
  })
  await using peer = await startChild({ args: [PEER], ready: /^Ready at (\S+)$/ })
  const ours: Side = {
    name: 'countersign',
    pid: server.pid,
    address: server.address,
    paths: {
      ask: '/bc-authorize',
      token: '/token',
      introspect: '/introspect',
      approve: '/dev/ciba?type=allow',
    },
    client: await addClient(server, folder.path, users),
    during: (step, work) => server.profiled(`ciba-${step}`, work),
  }
  const theirs: Side = {
    name: 'oidc-provider',
    pid: peer.pid,
    address: peer.ready,
    paths: {
      ask: '/backchannel',
      token: '/token',
      introspect: '/token/introspection',
      approve: '/bench/approve?',
    },
    client: { id: 'bench', secret: 'secret-of-the-bench' },
    during: (_, work) => work(),
  }
  const sides = [
    { side: ours, found: [] as Found[] },
    { side: theirs, found: [] as Found[] },
  ] as const
  say('ciba: warming up')
  for (const { side } of sides) await run(side, users)
  for (let round = 0; round < rounds; round += 1) {
    // Whoever goes second finds a warmer or a busier machine: each goes first as often as the other.
    for (const { side, found } of round % 2 === 0 ? sides : [...sides].reverse()) {
      const measured = await run(side, users)
      found.push(measured)
      const rates = STEPS.map((step) => `${step} ${measured[step].rate.toFixed(0)}`)
      say(`ciba: round ${round + 1}, ${side.name}: ${rates.join(', ')} a second`)
    }
  }
  return report(sides[0].found, sides[1].found)
}

async function prepareUsers(data: string, count: number): Promise<string[]> {
  const db = await openSqlite(join(data, 'countersign.db'))
  await migrate(db, Date.now())
  const ids = Array.from({ length: count }, () => newId('usr'))
  await db.transaction(async (tx) => {
    for (const [at, id] of ids.entries()) {
      await insertUser(tx, { id, handle: `bench-${at}`, name: null, createdAt: Date.now() })
    }
  })
  await db.close()
  return ids
}

/** An initiator that all of them have linked, with tokens like the peer's. */
async function addClient(server: Awaited<ReturnType<typeof startServer>>, data: string, users: string[]) {
  const { client_id, client_secret } = await server.admin<Record<string, string>>('/v1/admin/clients', {
    kind: 'initiator',
    name: 'Northwind Agent',
    access_token_format: 'opaque',
  })
  const client = { id: client_id ?? '', secret: client_secret ?? '' }
  const db = await openSqlite(join(data, 'countersign.db'))
  await db.transaction(async (tx) => {
    for (const userId of users) {
      await linkUser(tx, { clientId: client.id, userId, scopes: 'openid', actor: 'operator' }, Date.now())
    }
  })
  await db.close()
  return client
}

interface Measured {
  answers: number
  rate: number
  p50: number
  p99: number
  /** Of the server's process, for each answer, in microseconds. */
  cpuUs: number
}
type Found = Record<Step, Measured>

/** One whole flow for each of these users, all of them step by step; what the person does is not measured. */
async function run({ pid, address, paths, client, during }: Side, users: string[]): Promise<Found> {
  const pool = new Pool(address, { connections: CONNECTIONS })
  const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  const post = async (path: string, fields: Record<string, string>, expected: number) => {
    const body = new URLSearchParams(fields).toString()
    const answer = await pool.request({ method: 'POST', path, headers, body })
    const said = (await answer.body.json()) as Record<string, string>
    if (answer.statusCode !== expected)
      throw new Error(`${path}: ${answer.statusCode} ${JSON.stringify(said)}`)
    return said
  }
  const token = (auth_req_id: string, expected: number) =>
    post(paths.token, { grant_type: GRANT, auth_req_id }, expected)
  const step = <T>(name: Step, items: T[], call: (item: T) => Promise<Record<string, string>>) =>
    during(name, () => drive(pid, items, call))
  try {
    const ask = await step('ask', users, (user) =>
      post(paths.ask, { scope: 'openid', login_hint: user }, 200),
    )
    const handles = ask.answers.map(({ auth_req_id = '' }) => auth_req_id)
    const pending = await step('pending', handles, (handle) => token(handle, 400))
    if (pending.answers.some(({ error }) => error !== 'authorization_pending'))
      throw new Error('It did not wait.')
    await drive(pid, handles, (handle) =>
      post(`${paths.approve}&token=${encodeURIComponent(handle)}`, {}, 200),
    )
    const redeem = await step('redeem', handles, (handle) => token(handle, 200))
    const tokens = redeem.answers.map(({ access_token = '' }) => access_token)
    const introspect = await step('introspect', tokens, (each) =>
      post(paths.introspect, { token: each }, 200),
    )
    if (introspect.answers.some(({ active }) => !active)) throw new Error('A token is not active.')
    return {
      ask: ask.measured,
      pending: pending.measured,
      redeem: redeem.measured,
      introspect: introspect.measured,
    }
  } finally {
    await pool.close()
  }
}

/** So many calls at a time as there are connections. */
async function drive<T, A>(pid: number, items: readonly T[], call: (item: T) => Promise<A>) {
  const answers: A[] = []
  const latencies: number[] = []
  let next = 0
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) {
      const from = performance.now()
      answers[at] = await call(items[at] as T)
      latencies.push(performance.now() - from)
    }
  }
  const cpuBefore = cpuOf(pid)
  const from = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  const ms = performance.now() - from
  const measured: Measured = {
    answers: items.length,
    rate: items.length / (ms / 1_000),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    cpuUs: (cpuOf(pid) - cpuBefore) / items.length,
  }
  return { answers, measured }
}

function report(ours: Found[], theirs: Found[]): Report {
  const times = (step: Step, of: (found: Measured) => number) =>
    ratios(
      ours.map((each) => of(each[step])),
      theirs.map((each) => of(each[step])),
    )
  const rows = STEPS.flatMap((step) => {
    const row = (variant: string, found: Found[]) => ({
      step,
      variant,
      answers: found.reduce((sum, each) => sum + each[step].answers, 0),
      'answers/s': spread(found.map((each) => each[step].rate)),
      ...(found === ours ? { [RATE]: spread(times(step, ({ rate }) => rate)) } : {}),
      'p50 ms': spread(found.map((each) => each[step].p50)),
      'p99 ms': spread(found.map((each) => each[step].p99)),
      'server CPU µs each': spread(found.map((each) => each[step].cpuUs)),
      ...(found === ours ? { [CPU]: spread(times(step, ({ cpuUs }) => cpuUs)) } : {}),
    })
    return [row('countersign', ours), row('oidc-provider', theirs)]
  })
  return {
    name: 'ciba',
    about:
      'CIBA by poll, client_secret_basic, ES256, opaque access tokens, 50 connections; countersign on disk (SQLite), node-oidc-provider in memory',
    rows,
    peers: ['oidc-provider'],
    bars: STEPS.flatMap((step) => {
      const [rate, cpu] = GOALS[step]
      const [rates, cpus] = [times(step, (each) => each.rate), times(step, (each) => each.cpuUs)]
      return [
        atLeast(`${step}: answers a second, times the peer`, median(rates), rate, {
          column: RATE,
          cells: [step],
        }),
        atMost(`${step}: CPU, times the peer`, median(cpus), cpu, { column: CPU, cells: [step] }),
      ]
    }),
  }
}
