import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchAlike } from './alike.ts'
import { benchApprove } from './approve.ts'
import { benchCiba } from './ciba.ts'
import { benchDead } from './dead.ts'
import { benchDeliver } from './deliver.ts'
import { benchGrowth } from './growth.ts'
import { benchHop } from './hop.ts'
import { benchOpen } from './open.ts'
import { benchPage } from './page.ts'
import { benchStart } from './start.ts'
import { chartSvg } from './support/chart.ts'
import type { Report } from './support/figures.ts'
import { machineLine, reportText } from './support/print.ts'

const BENCHES = {
  open: benchOpen,
  approve: benchApprove,
  deliver: benchDeliver,
  hop: benchHop,
  growth: benchGrowth,
  dead: benchDead,
  page: benchPage,
  start: benchStart,
  alike: benchAlike,
  ciba: benchCiba,
} as const

/** Those that take long even so. */
const LONG = new Set(['deliver', 'growth', 'dead'])
const LONG_ROUNDS = 3

const HELP = `Usage: npm run bench -- [NAME…] [OPTIONS]

Measures the server beside the least that its work can cost, in one run, on this machine, in alternating rounds. Linux
only: processor time and memory are read from /proc. A missed limit is told and is no failure: a benchmark is no test.

  open      open a request on SQLite, 50 connections
  approve   from the approval to the POST at the app's endpoint, one at a time
  deliver   deliveries a second and their processor time, on both stores, beside other people's queues
  hop       approved on one node, delivered by another, over one PostgreSQL
  growth    a delivery in a store that has done a million, beside one that has done ten thousand
  dead      healthy apps while ten thousand deliveries wait for an endpoint that hangs
  page      a request on a fresh, cheap phone with a slow network, until its largest paint
  start     from the command to the ready line, and idle memory
  alike     whether the time of an answer tells a wrong secret from an unknown app, or one user from nobody
  ciba      each step of OpenID CIBA, beside node-oidc-provider that keeps all in memory

  --rounds N       rounds of each bench (5; deliver, growth, dead: 3)
  --seconds S      length of one measurement of “open”; size of a round of “ciba” (2)
  --profile DIR    write CPU profiles of the server into this folder (open, approve, deliver)
  --out DIR        folder for NAME.json, NAME.md (a table) and NAME.svg (a picture) (bench/results)
  --json           print JSON
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '2' },
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
  const [rounds, seconds] = [Number(values.rounds ?? 5), Number(values.seconds)]
  const isUsable = names.every((name) => Object.hasOwn(BENCHES, name)) && rounds >= 1 && seconds >= 1
  if (!isUsable || process.platform !== 'linux') {
    process.stderr.write(HELP)
    process.exitCode = 2
    return
  }

  const say = (line: string) => process.stderr.write(`${line}\n`)
  const options = { rounds: Math.floor(rounds), seconds, profile: values.profile, say }
  const machine = machineLine()
  const reports: Report[] = []
  if (!values.json) process.stdout.write(`${machine}\n\n`)
  for (const name of names) {
    const own = values.rounds === undefined && LONG.has(name) ? { ...options, rounds: LONG_ROUNDS } : options
    const report = await BENCHES[name as keyof typeof BENCHES](own)
    await keep(machine, report)
    reports.push(report)
    if (!values.json) process.stdout.write(`${reportText(report)}\n`)
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
