import { PgBoss } from 'pg-boss'
import { BODY, type Made, type Order, UNDER_WAY } from '../support/deliverer.ts'
import { poster, together } from './posts.ts'

const WORKERS = 8
const QUEUE = 'post'

/** pg-boss with eight workers that fetch a thousand at a time, as often as it lets them. */
export async function make({ url, place }: Order): Promise<Made> {
  const boss = new PgBoss({ connectionString: place, max: 10 })
  boss.on('error', (fault) => process.stderr.write(`pg-boss: ${fault}\n`))
  await boss.start()
  await boss.createQueue(QUEUE)
  const post = poster(url)
  let owed = 0
  return {
    async load(count) {
      owed = count
      const jobs = Array.from({ length: count }, () => ({ data: JSON.parse(BODY) as object }))
      for (let at = 0; at < count; at += 1_000) await boss.insert(QUEUE, jobs.slice(at, at + 1_000))
    },
    async drain() {
      let done = 0
      let tell = () => {}
      const all = new Promise<void>((resolve) => {
        tell = resolve
      })
      for (let i = 0; i < WORKERS; i += 1) {
        await boss.work(QUEUE, { batchSize: 1_000, pollingIntervalSeconds: 0.5 }, async (jobs) => {
          await together(jobs.length, () => post(), UNDER_WAY / WORKERS)
          done += jobs.length
          if (done === owed) tell()
        })
      }
      await all
      await boss.offWork(QUEUE, { wait: true })
    },
  }
}
