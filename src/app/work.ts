import { MINUTE } from '#base/clock.ts'
import { answerHandler } from '#channels/whatsapp/answer.ts'
import { deliverHandler } from '#deliveries/deliver.ts'
import { proveHandler } from '#deliveries/proof.ts'
import { feedbackHandler } from '#feedback/forward.ts'
import { notifyHandler } from '#notices/send.ts'
import { tellUndelivered } from '#notices/tell.ts'
import { enqueue } from '#outbox/store.ts'
import { startWorker, type Worker } from '#outbox/worker.ts'
import { announceHandler } from '#requests/announce.ts'
import { expireHandler } from '#requests/expire.ts'
import { issueHandler } from '#requests/issue.ts'
import { simulateHandler } from '#requests/simulate.ts'
import { type Config, SettingError } from '../config.ts'
import type { Parts } from './parts.ts'
import { clearAway } from './sweep.ts'

/** Starts the workers and what clears away. */
export async function startWork({
  config,
  context,
  channels,
  counts,
  cloudApi,
  presence,
  sends,
  tellApp,
  wake,
}: Parts) {
  const { now, log, site } = context
  const { requestRetention: requestRetentionMs } = config
  const start = config.works ? startWorker : noWorker(config)
  const deliver = start(context, 'deliver', deliverHandler({ ...context, onGivenUp: tellUndelivered }))
  const workers = [
    start(context, 'notify', notifyHandler({ ...context, channels, counts })),
    deliver,
    start(context, 'prove', proveHandler(context)),
    start(context, 'simulate', simulateHandler(context)),
    ...(config.tokenSourceUrl ? [start(context, 'issue', issueHandler(context))] : []),
    start(context, 'expire', expireHandler({ now })),
    ...(cloudApi ? [start(context, 'answer', answerHandler({ now, site, api: cloudApi }))] : []),
    start(context, 'feedback', feedbackHandler({ now, sends })),
    start(context, 'announce', announceHandler(context)),
  ]
  const stopping = new AbortController()
  let sweeping: Promise<void> | undefined
  const sweep = setInterval(() => {
    sweeping ??= clearAway({ ...context, requestRetentionMs }, stopping.signal).finally(() => {
      sweeping = undefined
    })
    Promise.all([sweeping, tellApp()]).catch((fault) =>
      log.error('What has ended could not be cleared away.', fault),
    )
  }, SWEEP_MS)
  wake.deliveries = (clientId) => deliver.wakeLane(clientId)
  wake.takeDelivery = deliver.take

  return {
    /** Finishes what is under way. */
    async stop() {
      clearInterval(sweep)
      stopping.abort()
      await sweeping?.catch(() => {})
      await Promise.all(workers.map((worker) => worker.stop()))
      await presence.stop()
    },
  }
}

/** How often what has ended (challenges, sessions) is cleared away. */
const SWEEP_MS = 10 * MINUTE

/** @throws SettingError when nobody else could do the work */
function noWorker({ database }: Config): () => Worker {
  if (!database) {
    throw new SettingError(
      'COUNTERSIGN_WORKER is 0, but the embedded store has one node, so nobody would do the work. Leave it out, or set COUNTERSIGN_DATABASE.',
    )
  }
  return () => ({ wakeLane() {}, take: enqueue, async stop() {} })
}
