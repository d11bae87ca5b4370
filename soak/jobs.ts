import { setTimeout as pause } from 'node:timers/promises'
import { atMost, type Report } from '../bench/support/figures.ts'
import { temporaryFolder } from '../test/support/folder.ts'
import { startNodes } from '../test/support/nodes.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { randomFrom } from '../test/support/random.ts'
import { selectFrom } from '../test/support/select.ts'
import { overlapping, repeated, startWitness } from '../test/support/witness.ts'
import type { SoakOptions } from './options.ts'
import { addAccounts, openOwed } from './owed.ts'

const LANES = 32
const BATCH = 250
/** So many may wait, so that the nodes are at work from the first on and the store holds no mountain. */
const MOST_WAITING = 5_000
const PROGRESS_MS = 5_000
/** Nothing delivered for so long means that something is wedged. */
const STANDSTILL_MS = 60_000

/** Many nodes, many deliveries, nothing killed: each must be posted exactly once. */
export async function soakJobs({
  nodes = 8,
  jobs = 100_000,
  minutes = Number.POSITIVE_INFINITY,
  seed,
  say,
}: SoakOptions): Promise<Report> {
  const random = randomFrom(seed)
  await using postgres = await startPostgres()
  const database = await postgres.database()
  await using data = await temporaryFolder('soak')
  await using cluster = await startNodes({
    count: nodes,
    data: data.path,
    database,
    env: { COUNTERSIGN_DATABASE_POOL: '8' },
  })
  await using witness = await startWitness(async (_, response) => {
    await pause(random() * 20)
    response.end('ok')
  })
  const accounts = await addAccounts(cluster.origin, LANES, witness.url)
  await using store = await openOwed({ data: data.path, database })
  say(`${nodes} nodes are ready`)

  const from = performance.now()
  const endsAt = from + minutes * 60_000
  let owed = 0
  let saidAt = from
  let [seen, movedAt] = [0, from]
  while (witness.posts.length < owed || (owed < jobs && performance.now() < endsAt)) {
    if (owed < jobs && performance.now() < endsAt && owed - witness.posts.length < MOST_WAITING) {
      const count = Math.min(BATCH, jobs - owed)
      await store.owe(count, accounts, witness.url)
      owed += count
    } else await pause(20)
    const now = performance.now()
    if (witness.posts.length > seen) [seen, movedAt] = [witness.posts.length, now]
    if (now - movedAt > STANDSTILL_MS) break
    if (now - saidAt < PROGRESS_MS) continue
    saidAt = now
    say(`${witness.posts.length} of ${jobs} delivered`)
  }
  const seconds = (performance.now() - from) / 1_000
  // What would be sent a second time, because a lease was lost, would come within a lease of 20 s and a look or two.
  await pause(25_000)

  const count = async (text: string) => Number((await selectFrom({ url: database }, text))[0]?.count)
  const delivered = await count(`select count(*) as count from deliveries where state = 'delivered'`)
  const attempts = await count('select count(*) as count from delivery_attempts')
  const [together, again] = [overlapping(witness.posts).length, repeated(witness.posts).length]
  return {
    name: 'jobs',
    about: `${owed} deliveries, ${nodes} nodes on PostgreSQL, ${LANES} apps, nothing killed`,
    rows: [
      { count: 'deliveries owed', is: owed },
      { count: 'delivered, by the store', is: delivered },
      { count: 'attempts, by the store', is: attempts },
      { count: 'POSTs received', is: witness.posts.length },
      { count: 'POSTs while another of the same delivery was under way', is: together },
      { count: 'POSTs after a 2xx', is: again },
      {
        count: 'deliveries a second, all nodes and the receiver on this machine',
        is: Math.round(owed / seconds),
      },
    ],
    bars: [
      atMost('deliveries lost', owed - delivered, 0),
      atMost('POSTs of one delivery that overlap', together, 0),
      atMost('second POSTs after a 2xx', again, 0),
    ],
  }
}
