import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchAlike } from './alike.ts'
import { benchApprove } from './approve.ts'
import { benchCiba } from './ciba.ts'
import { benchDead } from './dead.ts'
import { benchDecide } from './decide.ts'
import { benchDeliver } from './deliver.ts'
import { benchFlow } from './flow.ts'
import { benchGrowth } from './growth.ts'
import { benchHop } from './hop.ts'
import { benchNodes } from './nodes.ts'
import { benchOpen } from './open.ts'
import { benchPage } from './page.ts'
import { benchRush } from './rush.ts'
import { benchSizes } from './sizes.ts'
import { benchStart } from './start.ts'
import { chartSvg } from './support/chart.ts'
import type { Engine } from './support/database.ts'
import type { Report } from './support/figures.ts'
import { machineLine, reportText } from './support/print.ts'
import { benchTold } from './told.ts'

const BENCHES = {
  open: benchOpen,
  nodes: benchNodes,
  decide: benchDecide,
  flow: benchFlow,
  approve: benchApprove,
  deliver: benchDeliver,
  hop: benchHop,
  growth: benchGrowth,
  sizes: benchSizes,
  rush: benchRush,
  dead: benchDead,
  page: benchPage,
  start: benchStart,
  alike: benchAlike,
  ciba: benchCiba,
  told: benchTold,
} as const

/** Those that take long even so. */
const LONG = new Set(['deliver', 'growth', 'dead'])
const LONG_ROUNDS = 3

const STORES: Record<string, readonly Engine[]> = {
  sqlite: ['sqlite'],
  postgres: ['postgres'],
  both: ['sqlite', 'postgres'],
}
type Three = [number, number, number]

const HELP = `Usage: npm run bench -- [NAME…] [OPTIONS]

Measures the server beside the least that its work can cost, in one run, on this machine, in alternating rounds. Linux
only: processor time and memory are read from /proc. A missed limit is told and is no failure: a benchmark is no test.

  open      open a request, 50 connections
  nodes     open a request by three nodes on one PostgreSQL, beside one node
  decide    the call that approves, beside its cryptography alone
  flow      asked, read, approved, delivered: whole flows
  approve   from the approval to the POST at the app's endpoint, one at a time
  deliver   deliveries a second and their processor time, on both stores, beside other people's queues
  hop       approved on one node, delivered by another, over one PostgreSQL
  growth    each unit of work in a store that has done a million, beside one that has done ten thousand;
            npm run soak -- growth has sizes of your choice
  sizes     bytes that a finished request leaves in a store, table by table
  rush      the morning of ten million users, simulated; pictures to docs/scaling
  dead      healthy apps while ten thousand deliveries wait for an endpoint that hangs
  page      a request on a fresh, cheap phone with a slow network, until its largest paint
  start     from the command to the ready line, and idle memory
  alike     whether the time of an answer tells a wrong secret from an unknown app, or one user from nobody
  ciba      each step of OpenID CIBA, beside node-oidc-provider that keeps all in memory
  told      from the approval to the tokens at a client of CIBA, by a poll that is held and by a ping, one at a time

  --rounds N       rounds of each bench (5; deliver, growth, dead: 3)
  --seconds S      length of one measurement of “open”, “nodes”; size of a round of “decide”, “flow”, “ciba”,
                   and of “sizes” (2)
  --store NAME     sqlite, postgres or both, for “open”, “decide”, “flow” (both)
  --nodes N        nodes of “nodes” (3)
  --profile DIR    write what the server did into this folder: NAME.cpuprofile, and NAME.flame.svg to look at
                   (open, decide, flow, approve, deliver, hop, told, and each step of ciba)
  --out DIR        folder for NAME.json, NAME.md (a table) and NAME.svg (a picture) (bench/results)
  --json           print JSON
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    store: { type: 'string', default: 'both' },
    nodes: { type: 'string', default: '3' },
    profile: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('./results', import.meta.url)) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else await run()

async function run() {
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES)
  const [rounds, seconds, nodes] = [values.rounds ?? 5, values.seconds, values.nodes].map(Number) as Three
  const stores = STORES[values.store]
  const areNames = names.every((name) => Object.hasOwn(BENCHES, name))
  const isUsable = areNames && stores && rounds >= 1 && seconds >= 1 && Number.isInteger(nodes) && nodes >= 2
  if (!isUsable || process.platform !== 'linux') {
    process.stderr.write(HELP)
    process.exitCode = 2
    return
  }

  const say = (line: string) => process.stderr.write(`${line}\n`)
  const options = { rounds: Math.floor(rounds), seconds, stores, nodes, profile: values.profile, say }
  const machine = machineLine()
  const reports: Report[] = []
  if (!values.json) process.stdout.write(`${machine}\n\n`)
  for (const name of names) {
    const own = values.rounds === undefined && LONG.has(name) ? { ...options, rounds: LONG_ROUNDS } : options
    for (const report of [await BENCHES[name as keyof typeof BENCHES](own)].flat()) {
      await keep(machine, report)
      reports.push(report)
      if (!values.json) process.stdout.write(`${reportText(report)}\n`)
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, reports }, null, 2)}\n`)
}

/** What was found stays as files too, the last run of each bench: figures, table, picture. */
async function keep(machine: string, report: Report) {
  await mkdir(values.out, { recursive: true })
  const [at, path] = [new Date().toISOString(), join(values.out, report.name)]
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim()
  const made = `\`${command}\`, ${at.slice(0, 10)}, ${machine}`
  await writeFile(`${path}.json`, `${JSON.stringify({ command, machine, at, ...report }, null, 2)}\n`)
  await writeFile(`${path}.md`, `${made}\n\n${reportText(report)}`)
  await writeFile(`${path}.svg`, chartSvg(report, made.replaceAll('`', '')))
}
