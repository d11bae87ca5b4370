import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cpuOf, endChild } from './child.ts'
import type { Asker } from './clients.ts'
import { percentile } from './figures.ts'

export interface LoadOrder {
  url: string
  /** Each is sent once, the first `n`-th part of them by the first of `n` connections. */
  requests: { method: string; path: string; headers: Record<string, string>; body: string }[]
  connections: number
  seconds: number
}

/** What the load generator saw. */
export interface Loaded {
  /** Of each answer of 200, in milliseconds. */
  latencies: number[]
  /** Answers other than 200, and calls without one. */
  others: number
  /** From the first request to the last answer. */
  ms: number
  generatorCpuUs: number
}

export interface Measured {
  answers: number
  rate: number
  p50: number
  p99: number
  /** Of the processes of all servers that were asked, for each answer, in microseconds. */
  cpuUs: number
}

const CONNECTIONS = 50

interface Asked {
  pid: number
  address: string
}

/**
 * Lets each of these clients ask once for its token, 50 at a time, and measures the server that is asked, or the
 * servers, each by a share of the clients.
 */
export async function load(asked: Asked | Asked[], askers: Asker[], seconds: number): Promise<Measured> {
  const servers = [asked].flat()
  const share = Math.floor(askers.length / servers.length)
  const connections = Math.ceil(CONNECTIONS / servers.length)
  const all = await Promise.all(
    servers.map((server, nth) => {
      const requests = askers.slice(nth * share, (nth + 1) * share).map(askForToken)
      return loadOne(server, { url: server.address, requests, connections, seconds })
    }),
  )
  const others = all.reduce((sum, each) => sum + each.loaded.others, 0)
  if (others > 0) throw new Error(`${others} calls were not answered with 200.`)
  const latencies = all.flatMap(({ loaded }) => loaded.latencies)
  return {
    answers: latencies.length,
    rate: latencies.length / (Math.max(...all.map(({ loaded }) => loaded.ms)) / 1_000),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    cpuUs: all.reduce((sum, each) => sum + each.cpuUs, 0) / latencies.length,
  }
}

async function loadOne({ pid }: Asked, order: LoadOrder) {
  const generator = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), {
    execArgv: [],
    serialization: 'advanced',
  })
  let cpuBefore = 0
  try {
    const loaded = await new Promise<Loaded>((resolve, reject) => {
      generator.once('exit', (code) => reject(new Error(`The load generator ended with ${code}.`)))
      generator.on('message', (message: 'begun' | { loaded: Loaded }) => {
        if (message === 'begun') cpuBefore = cpuOf(pid)
        else resolve(message.loaded)
      })
      generator.send(order)
    })
    return { loaded, cpuUs: cpuOf(pid) - cpuBefore }
  } finally {
    await endChild(generator)
  }
}

/** The most answers that may still be under way when the time is over: one a connection. */
export const UNDER_WAY = CONNECTIONS

const askForToken = ({ clientId, secret }: Asker) => ({
  method: 'POST',
  path: `/v3/login/auth/token/request/${clientId}`,
  headers: { 'content-type': 'application/json', accept: 'application/json' },
  body: JSON.stringify({ client_secret: secret }),
})
