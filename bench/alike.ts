import { newId, uuidv7 } from '#base/ids.ts'
import { newSecret } from '#base/secrets.ts'
import { cpuOf } from './support/child.ts'
import { type Asker, prepareClients } from './support/clients.ts'
import {
  atMost,
  type BenchOptions,
  median,
  percentile,
  type Report,
  ratios,
  spread,
} from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type BenchServer, startServer } from './support/server.ts'

const CLIENTS = 1_000
/** Of each kind in a round; the server bears with 6,000 failures a minute from one address. */
const CALLS = 250
const WARM_UP = 100
const CPU = 'server CPU µs each'
const TIMES = 'p50, times the first of the pair'

/** Whose answers must take alike, and how each is called; answers microseconds. */
type Kinds = Record<string, () => Promise<number>>

/**
 * Whether the time of the answer tells what its words do not: a wrong secret of an app that is there from an app that is
 * not, and a user who has not linked the app from one who is not there.
 */
export async function benchAlike({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  const askers = await prepareClients({ data: folder.path }, CLIENTS)
  const env = { COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' }
  await using server = await startServer({ data: folder.path, env })
  const pairs = [secretsOf(server, askers), await usersOf(server, askers)].map((kinds) =>
    Object.entries(kinds).map(([kind, call]) => ({ kind, call, us: [] as number[][] })),
  )
  const found = pairs.flat()
  const cpuUs: number[] = []

  for (let i = 0; i < WARM_UP; i += 1) for (const { call } of found) await call()
  for (let done = 0; done < rounds; done += 1) {
    say(`alike: round ${done + 1}`)
    // In turn, so that all meet the same machine.
    const [round, before] = [found.map(() => [] as number[]), cpuOf(server.pid)]
    for (let i = 0; i < CALLS; i += 1)
      for (const [at, { call }] of found.entries()) round[at]?.push(await call())
    cpuUs.push((cpuOf(server.pid) - before) / (CALLS * found.length))
    for (const [at, { us }] of found.entries()) us.push(round[at] ?? [])
  }

  return {
    name: 'alike',
    about: 'answers that must not be told apart, asked in turn',
    rows: [
      ...pairs.flatMap((pair) =>
        pair.map(({ kind, us }) => ({
          answer: kind,
          calls: us.flat().length,
          'p25 µs': spread(us.map((each) => percentile(each, 0.25))),
          'p50 µs': spread(us.map(median)),
          'p75 µs': spread(us.map((each) => percentile(each, 0.75))),
          'p99 µs': spread(us.map((each) => percentile(each, 0.99))),
          [TIMES]: spread(ratios(us.map(median), pair[0]?.us.map(median) ?? [])),
        })),
      ),
      { answer: 'all of them', calls: found.flatMap(({ us }) => us.flat()).length, [CPU]: spread(cpuUs) },
    ],
    bars: pairs.map((pair) => {
      const medians = pair.map(({ us }) => median(us.flat()))
      const name = `the slower median, times the other: ${pair.map(({ kind }) => kind).join(', ')}`
      return atMost(name, Math.max(...medians) / Math.min(...medians), 1.1, {
        column: TIMES,
        cells: [pair[1]?.kind ?? ''],
      })
    }),
  }
}

function secretsOf({ address }: BenchServer, askers: Asker[]): Kinds {
  const ask = (clientId: string) =>
    timed(401, `${address}/v3/login/auth/token/request/${clientId}`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_secret: newSecret('cs_secret') }),
    })
  return { 'a wrong secret': () => ask(oneOf(askers).clientId), 'an unknown app': () => ask(uuidv7()) }
}

async function usersOf({ address, admin }: BenchServer, askers: Asker[]): Promise<Kinds> {
  const client = await admin<{ client_id: string; client_secret: string }>('/v1/admin/clients', {
    kind: 'initiator',
    name: 'Northwind Agent',
  })
  const authorization = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`
  const ask = (login_hint: string) =>
    timed(400, `${address}/bc-authorize`, {
      headers: { authorization },
      body: new URLSearchParams({ scope: 'openid', login_hint }),
    })
  return {
    'a user who has not linked it': () => ask(oneOf(askers).userId),
    'an unknown user': () => ask(newId('usr')),
  }
}

const oneOf = <T>(all: T[]): T => all[Math.floor(Math.random() * all.length)] as T

/** @returns how long the answer took, in microseconds */
async function timed(status: number, url: string, call: RequestInit): Promise<number> {
  const from = performance.now()
  const answer = await fetch(url, { method: 'POST', ...call })
  await answer.text()
  const us = (performance.now() - from) * 1_000
  if (answer.status !== status) throw new Error(`answered ${answer.status}`)
  return us
}
