import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, cpuOf, idleMemoryOf, startChild } from './support/child.ts'
import { prepareClients } from './support/clients.ts'
import { atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'

const FLOOR = fileURLToPath(new URL('./support/floor-start.ts', import.meta.url))
const IDLE_MS = 5_000
/** Of the store that is there already at a start. */
const CLIENTS = 10_000
const BARE = 'floor: bare Fastify'

/** From the command to the line that says ready, and the memory of a server that has nothing to do. */
export async function benchStart({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  const existing = join(folder.path, 'existing')
  const kinds = {
    'fresh store, nothing compiled yet': (round: number) => {
      const cache = { NODE_COMPILE_CACHE: join(folder.path, `compiled-${round}`) }
      return startServer({ data: join(folder.path, `first-${round}`), env: cache })
    },
    'fresh store': (round: number) => startServer({ data: join(folder.path, `fresh-${round}`) }),
    [`existing store, ${CLIENTS} clients`]: () => startServer({ data: existing }),
    [BARE]: () => startChild({ args: [FLOOR], ready: /^Ready at (\S+)$/ }),
  } satisfies Record<string, (round: number) => Promise<Child>>

  await (await startServer({ data: existing })).end()
  await prepareClients({ data: existing }, CLIENTS)

  const found = Object.entries(kinds).map(([kind, start]) => ({
    kind,
    start: start as (round: number) => Promise<Child>,
    startMs: [] as number[],
    cpuMs: [] as number[],
    memory: [] as number[],
  }))
  for (let round = 0; round < rounds; round += 1) {
    say(`start: round ${round + 1}`)
    for (const { start, startMs, cpuMs, memory } of found) {
      await using child = await start(round)
      startMs.push(child.startMs)
      cpuMs.push(cpuOf(child.pid) / 1_000)
      // Memory varies little and needs a rest each time: the last round tells it.
      if (round === rounds - 1) memory.push(await idleMemoryOf(child.pid, IDLE_MS))
    }
  }

  const servers = found.slice(0, -1)
  const floor = found.at(-1)?.startMs ?? []
  return {
    name: 'start',
    about: 'from the command to the ready line, and memory after 5 s of rest',
    rows: found.map(({ kind, startMs, cpuMs, memory }) => ({
      start: kind,
      starts: startMs.length,
      'to the ready line, ms': spread(startMs),
      'times the floor': spread(ratios(startMs, floor)),
      'CPU until then, ms': spread(cpuMs),
      'idle MiB': spread(memory),
    })),
    peers: [BARE],
    bars: [
      ...servers.map(({ kind, startMs }) =>
        atMost(`start, ${kind}, ms`, median(startMs), 1_500, {
          column: 'to the ready line, ms',
          cells: [kind],
        }),
      ),
      atMost('idle memory, MiB', Math.max(...servers.flatMap(({ memory }) => memory)), 130, {
        column: 'idle MiB',
      }),
    ],
  }
}
