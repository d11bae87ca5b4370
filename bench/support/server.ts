import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child.ts'
import { attachProfiler } from './profile.ts'

const CLI = fileURLToPath(new URL('../../bin/countersign.mjs', import.meta.url))
const ADMIN_KEY = 'cs_admin_for-benchmarks-0123456789-0123456789'

interface ServerOptions {
  /** Folder of its store. */
  data: string
  env?: Record<string, string>
  /** Folder for what is profiled. */
  profile?: string | undefined
}

export interface BenchServer extends Child {
  /** As the pages know it. */
  origin: string
  /** By number, so that no name has to be looked up. */
  address: string
  /** Does this work, which keeps the server busy, and profiles the server meanwhile if a profile was asked for. */
  profiled<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Calls by the admin key; throws unless it is answered with 2xx. */
  admin<T>(path: string, body: unknown): Promise<T>
}

/** The real server, `countersign serve`, as a process of its own. */
export async function startServer({ data, env = {}, profile }: ServerOptions): Promise<BenchServer> {
  const child = await startChild({
    args: [...(profile ? ['--inspect=127.0.0.1:0'] : []), CLI, 'serve'],
    env: {
      COUNTERSIGN_DEV: '1',
      COUNTERSIGN_PORT: '0',
      COUNTERSIGN_DATA: data,
      COUNTERSIGN_ADMIN_KEY: ADMIN_KEY,
      // What is measured is the work itself: a call that was turned away would be none.
      COUNTERSIGN_OVERLOAD_LAG: '0s',
      ...env,
    },
    ready: /^Countersign is ready at (\S+)$/,
  })
  const profiler = profile && child.inspector ? await attachProfiler(child.inspector, profile) : undefined
  const end = async () => {
    profiler?.close()
    await child.end()
  }
  const address = `http://127.0.0.1:${new URL(child.ready).port}`
  return {
    ...child,
    origin: child.ready,
    address,
    profiled: (name, work) => (profiler ? profiler.during(name, work) : work()),
    end,
    [Symbol.asyncDispose]: end,
    async admin<T>(path: string, body: unknown) {
      const answer = await fetch(`${address}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as T
    },
  }
}
