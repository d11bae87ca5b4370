import type { Made, Order } from '../support/deliverer.ts'
import { graphile } from './graphile.ts'

/** graphile-worker with its local queue, and results written together. */
export const make = (order: Order): Promise<Made> =>
  graphile(order, {
    concurrentJobs: 128,
    maxPoolSize: 10,
    localQueue: { size: 512 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  })
