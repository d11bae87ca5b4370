import { parseArgs } from 'node:util'
import { benchAlike } from './alike.ts'
import { benchApprove } from './approve.ts'
import { benchDeliver } from './deliver.ts'
import { benchOpen } from './open.ts'
import { benchStart } from './start.ts'
import type { Report } from './support/figures.ts'
import { machineLine, reportText } from './support/print.ts'

const BENCHES = {
  open: benchOpen,
  approve: benchApprove,
  deliver: benchDeliver,
  start: benchStart,
  alike: benchAlike,
} as const

const HELP = `Usage: npm run bench -- [NAME…] [OPTIONS]

Measures the server beside the least that its work can cost, in one run, on this machine. Linux only: processor time
and memory are read from /proc. A missed limit is told and is no failure: a benchmark is no test.

  open      open a request on SQLite, 50 connections
  approve   from the approval to the POST at the app's endpoint, one at a time
  deliver   deliveries a second and their processor time, on both stores, beside other people's queues
  start     from the command to the ready line, and idle memory
  alike     whether the time of an answer tells a wrong secret from an unknown app

  --rounds N       rounds of each bench (5)
  --seconds S      length of one measurement of “open” (2)
  --profile DIR    write CPU profiles of the server into this folder (open, approve, deliver)
  --json           print JSON
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else await run()

async function run() {
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES)
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
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
    const report = await BENCHES[name as keyof typeof BENCHES](options)
    reports.push(report)
    if (!values.json) process.stdout.write(`${reportText(report)}\n`)
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, reports }, null, 2)}\n`)
}
