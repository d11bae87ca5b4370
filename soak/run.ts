import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Report } from '../bench/support/figures.ts'
import { machineLine, reportText } from '../bench/support/print.ts'
import { newSeed } from '../test/support/random.ts'
import { soakGrowth } from './growth.ts'
import { soakHeld } from './held.ts'
import { soakJobs } from './jobs.ts'
import { soakKillsPostgres, soakKillsSqlite, soakRestarts } from './kills.ts'
import { soakLoad } from './load.ts'
import type { SoakOptions } from './options.ts'

const PARTS = {
  'kills-sqlite': soakKillsSqlite,
  'kills-postgres': soakKillsPostgres,
  restarts: soakRestarts,
  jobs: soakJobs,
  load: soakLoad,
  growth: soakGrowth,
  held: soakHeld,
} as const

const RESULTS = fileURLToPath(new URL('../bench/results/', import.meta.url))

const HELP = `Usage: npm run soak -- [PART…] [OPTIONS]

The long run of the faults that test/faults covers shortly: real server processes, real stores, real receivers, people
with software passkeys at work. Ends with 1 when a count is not what it must be. All parts take hours.

  kills-sqlite     kill one server on SQLite at random moments          --kills N   (1000)
  kills-postgres   kill one of three nodes on PostgreSQL                --kills N   (300)
  restarts         restart three nodes on PostgreSQL in turn            --rounds N  (30)
  jobs             deliveries of many nodes on PostgreSQL, no faults    --jobs N    (100000)  --nodes N (8)
  load             asks that wait for no answer, at 70 % of what was   --minutes N (30)  --people N (400)
                   measured, with faults; then three times as much     --store sqlite|postgres (sqlite)
  growth           what a unit of work costs where much was done       --sizes N,N… (10000,1000000)  --rounds N (3)
                   already, and while old entries leave                --store sqlite|postgres (both)
                   (3 GB of disk for each million)
  held             dead rows of PostgreSQL, and what work costs, while  --minutes N (2)
                   a transaction is held open, and after

  --minutes N      no more trouble after so many minutes of a part; what was promised is judged
  --seed N         chooses the random moments; FAULT_SEED does too
  --out DIR        folder for the counts, PART.json and PART.md (bench/results)
  --help
`

const NUMBERS = ['minutes', 'kills', 'rounds', 'jobs', 'nodes', 'people', 'seed'] as const

const number = { type: 'string' } as const
const options = {
  minutes: number,
  kills: number,
  rounds: number,
  jobs: number,
  nodes: number,
  people: number,
  store: { type: 'string' },
  sizes: { type: 'string' },
  seed: number,
  out: { type: 'string', default: RESULTS },
  help: { type: 'boolean', short: 'h', default: false },
} as const

await run()

async function run() {
  const words = readWords()
  if (!words) return
  const say = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`)
  for (const name of words.names) {
    say(`${name}: begins`)
    const startedAt = performance.now()
    const report = await PARTS[name]({ seed: newSeed(), ...words.numbers, say })
    const minutes = (performance.now() - startedAt) / 60_000
    await keep(words.out, report, minutes)
    process.stdout.write(`${reportText(report)}\n`)
    if (report.bars.some(({ isHeld }) => !isHeld)) process.exitCode = 1
  }
}

/** @returns undefined when there is nothing to run: help was asked for, or the words are not to be understood */
function readWords() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options })
    if (values.help) {
      process.stdout.write(HELP)
      return undefined
    }
    const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name))
    if (unknown) throw new Error(`There is no part “${unknown}”.`)
    const names = (positionals.length > 0 ? positionals : Object.keys(PARTS)) as (keyof typeof PARTS)[]
    const numbers: Partial<SoakOptions> = {}
    for (const name of NUMBERS) {
      const given = values[name]
      if (given === undefined) continue
      if (!/^[1-9]\d{0,9}$/.test(given)) throw new Error(`--${name} must be a whole number above 0.`)
      numbers[name] = Number(given)
    }
    if (values.sizes !== undefined) numbers.sizes = sizesOf(values.sizes)
    if (values.store !== undefined) numbers.store = storeOf(values.store)
    return { names, numbers, out: values.out }
  } catch (fault) {
    process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n\n${HELP}`)
    process.exitCode = 2
    return undefined
  }
}

function sizesOf(given: string): number[] {
  const sizes = given.split(',').map(Number)
  if (sizes.every((each) => Number.isInteger(each) && each > 0 && each <= 100_000_000)) return sizes
  throw new Error('--sizes must be whole numbers above 0, with commas between.')
}

function storeOf(given: string) {
  if (given === 'sqlite' || given === 'postgres') return given
  throw new Error('--store must be sqlite or postgres.')
}

/** Writes the counts down, each part into files of its own, with the command that has them again. */
async function keep(folder: string, report: Report, minutes: number) {
  const command = `npm run soak -- ${process.argv.slice(2).join(' ')}`.trim()
  const facts = { command, date: new Date().toISOString().slice(0, 10), minutes: Number(minutes.toFixed(1)) }
  const machine = machineLine()
  await mkdir(folder, { recursive: true })
  const path = join(folder, `soak-${report.name}`)
  await writeFile(`${path}.json`, `${JSON.stringify({ ...facts, machine, ...report }, null, 2)}\n`)
  const line = `\`${command}\`, ${facts.date}, ${facts.minutes} min, ${machine}`
  await writeFile(`${path}.md`, `${line}\n\n${reportText(report)}`)
}
