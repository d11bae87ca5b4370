import { setTimeout as pause } from 'node:timers/promises'
import { makeWorkerUtils, type Runner, run, type WorkerUtils } from 'graphile-worker'
import { BODY, type Made, type Order } from '../support/deliverer.ts'
import { poster } from './posts.ts'

/** graphile-worker as its defaults have it, but for as many jobs at a time as all others have. */
export const make = (order: Order): Promise<Made> => graphile(order, { concurrentJobs: 128, maxPoolSize: 10 })

/** A runner for each drain: its jobs are laid up while none runs. */
export async function graphile({ url, place }: Order, worker: GraphileConfig.WorkerOptions): Promise<Made> {
  const connectionString = place
  const utils: WorkerUtils = await makeWorkerUtils({ connectionString, logger: quiet })
  await utils.migrate()
  const post = poster(url)
  const left = () =>
    utils.withPgClient(async (client) => {
      const { rows } = await client.query<{ left: string }>(
        'select count(*) as left from graphile_worker._private_jobs',
      )
      return Number(rows[0]?.left)
    })
  let owed = 0
  let last: Runner | undefined
  return {
    async load(count) {
      await last?.stop()
      owed = count
      await utils.withPgClient((client) =>
        client.query(
          `select count(*) from (
             select graphile_worker.add_job('post', payload := $1::json) from generate_series(1, $2::int)
           ) as added`,
          [BODY, count],
        ),
      )
    },
    async drain() {
      let done = 0
      let tell = () => {}
      const all = new Promise<void>((resolve) => {
        tell = resolve
      })
      last = await run({
        preset: {
          worker: { connectionString, logger: quiet, gracefulShutdownAbortTimeout: 5_000, ...worker },
        },
        noHandleSignals: true,
        taskList: {
          async post() {
            await post()
            done += 1
            if (done === owed) tell()
          },
        },
      })
      await all
      while ((await left()) > 0) await pause(10)
    },
  }
}

const { Logger } = await import('graphile-worker')
const quiet = new Logger(() => () => {})
