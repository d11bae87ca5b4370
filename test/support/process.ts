import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ADMIN_KEY } from './server.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** A whole server in a process of its own, which can be killed. */
export function startProcess({
  data,
  port,
  env = {},
  fileLimitKiB,
}: {
  data: string
  port: number
  env?: Record<string, string>
  /** No file of the process may grow beyond it, as on a disk that is full. */
  fileLimitKiB?: number
}) {
  const words = [process.execPath, '--disable-warning=ExperimentalWarning', CLI, 'serve']
  const [command = '', ...rest] = fileLimitKiB
    ? ['/bin/sh', '-c', `ulimit -f ${fileLimitKiB * 2}; exec "$@"`, 'sh', ...words]
    : words
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      COUNTERSIGN_DEV: '1',
      COUNTERSIGN_DATA: data,
      COUNTERSIGN_PORT: String(port),
      COUNTERSIGN_ADMIN_KEY: ADMIN_KEY,
      COUNTERSIGN_NOTIFIER_PROOF: 'off',
      COUNTERSIGN_UPSTOX_RATE_LIMIT: '1000000/1s',
      // A busy machine is no overload of a test.
      COUNTERSIGN_OVERLOAD_LAG: '0s',
      ...env,
    },
  })
  let output = ''
  const hears = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      output += part
      for (const hear of hears) hear()
    })
  }
  const exited = once(child, 'exit').then(([code, signal]) => {
    for (const hear of hears) hear()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  const isOver = () => child.exitCode !== null || child.signalCode !== null

  return {
    origin: `http://localhost:${port}`,
    pid: child.pid ?? 0,
    exited,
    isOver,
    output: () => output,
    /** Waits until it has said this. Throws when it ends before. */
    async says(text: string): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        const hear = () => {
          if (output.includes(text)) resolve()
          else if (isOver()) reject(new Error(`The server ended before it said “${text}”:\n${output}`))
        }
        hears.add(hear)
        hear()
      })
    },
    signal: (name: NodeJS.Signals) => child.kill(name),
    async kill() {
      child.kill('SIGKILL')
      return exited
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

export const READY = 'Countersign is ready'

/**
 * Finds a port that is free and stays so while a server is down: outside of the range from which the system takes ports
 * for outgoing connections.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
