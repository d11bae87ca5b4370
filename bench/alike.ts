import { newId, uuidv7 } from '#base/ids.ts'
import { newSecret } from '#base/secrets.ts'
import { type Asker, prepareClients } from './support/clients.ts'
import { atMost, type BenchOptions, median, percentile, type Report } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type BenchServer, startServer } from './support/server.ts'

const CLIENTS = 1_000
/** Of each kind in a round; the server bears with 6,000 failures a minute from one address. */
const CALLS = 250
const WARM_UP = 100

/** Whose answers must take alike, and how each is called; answers microseconds. */
type Kinds = Record<string, () => Promise<number>>

/**
 * Whether the time of the answer tells what its words do not: a wrong secret of an app that is there from an app that is
 * not, and a user who has not linked the app from one who is not there.
 */
export async function benchAlike({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  const askers = await prepareClients(folder.path, CLIENTS)
  const env = { COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' }
  await using server = await startServer({ data: folder.path, env })
  const pairs = [secretsOf(server, askers), await usersOf(server, askers)].map((kinds) =>
    Object.entries(kinds).map(([kind, call]) => ({ kind, call, us: [] as number[] })),
  )
  const found = pairs.flat()

  for (let i = 0; i < WARM_UP; i += 1) for (const { call } of found) await call()
  for (let round = 0; round < rounds; round += 1) {
    say(`alike: round ${round + 1}`)
    // In turn, so that all meet the same machine.
    for (let i = 0; i < CALLS; i += 1) for (const { call, us } of found) us.push(await call())
  }

  return {
    name: 'alike',
    about: 'answers that must not be told apart, asked in turn',
    rows: found.map(({ kind, us }) => ({
      answer: kind,
      calls: us.length,
      'p25 µs': percentile(us, 0.25),
      'p50 µs': median(us),
      'p75 µs': percentile(us, 0.75),
      'p99 µs': percentile(us, 0.99),
    })),
    bars: pairs.map((pair) => {
      const medians = pair.map(({ us }) => median(us))
      const name = `the slower median, times the other: ${pair.map(({ kind }) => kind).join(', ')}`
      return atMost(name, Math.max(...medians) / Math.min(...medians), 1.1)
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
