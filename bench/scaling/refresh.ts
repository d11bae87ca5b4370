import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from '../support/figures.ts'
import { refreshed, type Units } from './units.ts'

/**
 * Takes the units of the capacity model from what benches left.
 *
 * Usage: node bench/scaling/refresh.ts [FOLDER] [--quiet]     (bench/results; --quiet: nothing else ran meanwhile)
 */
const [folder = fileURLToPath(new URL('../results/', import.meta.url))] = process.argv
  .slice(2)
  .filter((word) => word !== '--quiet')
const file = new URL('./units.json', import.meta.url)
const before = JSON.parse(await readFile(file, 'utf8')) as Units

const reports = new Map<string, Report & { machine: string; at: string }>()
for (const bench of new Set(Object.values(before.units).map((unit) => unit.bench))) {
  const text = await readFile(join(folder, `${bench}.json`), 'utf8').catch(() => undefined)
  if (text) reports.set(bench, JSON.parse(text))
  else process.stderr.write(`There is no ${bench}.json in ${folder}: its units stay as they were.\n`)
}
const units = { ...refreshed(before, reports), isQuiet: process.argv.includes('--quiet') }
await writeFile(file, `${JSON.stringify(units, null, 2)}\n`)
process.stdout.write(
  `Written to bench/scaling/units.json. Now: npm run bench -- rush, and UPDATE_DOCS=1 node --test bench/scaling/model.test.ts\n`,
)
