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
  /** Of the server's process, for each answer, in microseconds. */
  cpuUs: number
}

const CONNECTIONS = 50

/** Lets each of these clients ask once for its token, 50 at a time, and measures the server that is asked. */
export async function load(
  server: { pid: number; address: string },
  askers: Asker[],
  seconds: number,
): Promise<Measured> {
  const generator = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), {
    execArgv: [],
    serialization: 'advanced',
  })
  let cpuBefore = 0
  try {
    const loaded = await new Promise<Loaded>((resolve, reject) => {
      generator.once('exit', (code) => reject(new Error(`The load generator ended with ${code}.`)))
      generator.on('message', (message: 'begun' | { loaded: Loaded }) => {
        if (message === 'begun') cpuBefore = cpuOf(server.pid)
        else resolve(message.loaded)
      })
      const requests = askers.map(askForToken)
      generator.send({ url: server.address, requests, connections: CONNECTIONS, seconds } satisfies LoadOrder)
    })
    const cpu = cpuOf(server.pid) - cpuBefore
    if (loaded.others > 0) throw new Error(`${loaded.others} calls were not answered with 200.`)
    const answers = loaded.latencies.length
    return {
      answers,
      rate: answers / (loaded.ms / 1_000),
      p50: percentile(loaded.latencies, 0.5),
      p99: percentile(loaded.latencies, 0.99),
      cpuUs: cpu / answers,
    }
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
