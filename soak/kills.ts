import { atMost, type Report } from '../bench/support/figures.ts'
import { killAtRandom, restartInTurn } from '../test/faults/run.ts'
import type { Verdict } from '../test/faults/verdict.ts'
import { startPostgres } from '../test/support/postgres.ts'
import type { SoakOptions } from './options.ts'

/** One server on the embedded store, killed over and over. */
export async function soakKillsSqlite({ kills = 1_000, minutes, seed, say }: SoakOptions): Promise<Report> {
  const counts = await killAtRandom({ nodes: 1, kills, minutes, seed, say })
  return report('kills-sqlite', `${counts.kills} random SIGKILLs of one server on SQLite`, counts)
}

/** Three nodes on PostgreSQL, one of which is killed at a time. */
export async function soakKillsPostgres({ kills = 300, minutes, seed, say }: SoakOptions): Promise<Report> {
  await using postgres = await startPostgres()
  const counts = await killAtRandom({
    nodes: 3,
    database: await postgres.database(),
    kills,
    minutes,
    seed,
    say,
  })
  return report(
    'kills-postgres',
    `${counts.kills} random SIGKILLs of one of three nodes on PostgreSQL`,
    counts,
  )
}

/** Three nodes on PostgreSQL, restarted in turn. */
export async function soakRestarts({ rounds = 30, minutes, seed, say }: SoakOptions): Promise<Report> {
  await using postgres = await startPostgres()
  const counts = await restartInTurn({
    nodes: 3,
    database: await postgres.database(),
    rounds,
    minutes,
    seed,
    say,
  })
  const found = report('restarts', `${counts.restarts} rolling restarts of three nodes on PostgreSQL`, counts)
  const { repeated, abandoned, slowestStopMs } = counts
  found.bars.push(
    atMost('second POSTs after a 2xx', repeated, 0),
    atMost('attempts left behind by a stop', abandoned, 0),
    atMost('slowest stop, ms', slowestStopMs, 25_000),
  )
  return found
}

function report(name: string, about: string, { faults, ...counts }: Verdict): Report {
  return {
    name,
    about,
    rows: Object.entries(counts).map(([count, value]) => ({ count: WORDS[count] ?? count, is: value })),
    bars: [
      atMost('approvals lost', counts.lost, 0),
      atMost('second tokens', counts.secondTokens, 0),
      atMost('POSTs of one delivery that overlap', counts.overlapping, 0),
      atMost('POSTs after a 2xx where no kill fell between', counts.unexplained, 0),
      atMost(
        faults.length > 0 ? `other faults (${faults.slice(0, 3).join('; ')})` : 'other faults',
        faults.length,
        0,
      ),
    ],
  }
}

const WORDS: Record<string, string> = {
  midway: 'of them right after a POST reached the receiver',
  asked: 'requests opened',
  approved: 'approvals answered with 200',
  delivered: 'of them taken by the receiver',
  secondTokens: 'requests with a second token',
  posts: 'POSTs received',
  overlapping: 'POSTs while another of the same delivery was under way',
  repeated: 'POSTs after a 2xx',
  unexplained: 'of them where no kill fell between POST and record',
  abandoned: 'attempts that a kill cut off',
  slowestStopMs: 'slowest stop, ms',
}
