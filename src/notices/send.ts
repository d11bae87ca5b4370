import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { noTracer, type Tracer } from '#base/trace.ts'
import { clientInside } from '#clients/store.ts'
import { jitter } from '#outbox/backoff.ts'
import type { Job } from '#outbox/store.ts'
import type { Attempt, Handler, Outcome } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import { type Channel, ChannelFailed } from './channel.ts'
import type { ChannelCounts } from './counts.ts'
import { bringNextForward } from './fallback.ts'
import { advanceNotice, sayNotice } from './progress.ts'
import { noticeSettingsInside } from './settings.ts'
import {
  type AccountNotice,
  accountNoticeById,
  type Contact,
  contactById,
  type Notice,
  noteExternalId,
  noticeById,
  setAccountNoticeState,
  setContactState,
  setNoticeState,
} from './store.ts'

/** After these many tries a message has lost its worth. */
const MOST_ATTEMPTS = 6

interface NotifyOptions {
  now: Clock
  channels: ReadonlyMap<string, Channel>
  counts: Pick<ChannelCounts, 'note'>
  tracer?: Tracer | undefined
}

/** Sends what is to be told, by the channel of its contact. */
export function notifyHandler({ now, channels, counts, tracer = noTracer }: NotifyOptions): Handler {
  return {
    slots: 32,
    laneSlots: 16,
    deadlineMs: Math.max(10_000, ...[...channels.values()].map((channel) => channel.deadlineMs)),

    async start(tx, job) {
      const notice = await noticeById(tx, job.ref)
      if (!notice) return startAccount(tx, job)
      if (notice.state !== 'queued' || notice.expiresAt <= now()) return undefined
      const channel = channels.get(notice.channel)
      const contact = await contactById(tx, notice.contactId)
      const client = await clientInside(tx, notice.clientId)
      if (!channel || !client || contact?.state !== 'active') {
        await fail(tx, notice, 'channel_off', now())
        return undefined
      }

      const message = {
        noticeId: notice.id,
        requestId: notice.requestId,
        about: notice.about,
        address: contact.address,
        contact,
        clientName: client.name,
        language: (await noticeSettingsInside(tx, notice.userId)).language ?? contact.language,
        expiresAt: notice.expiresAt,
      }
      return async (signal) => {
        const span = tracer.begin('tell', notice.trace, 'client', {
          'countersign.notice': notice.id,
          'countersign.request': notice.requestId,
          'countersign.channel': notice.channel,
        })
        const sent = await channel.send(message, signal).catch((fault) => asFailure(fault))
        const failure = sent instanceof ChannelFailed ? sent.kind : undefined
        span.end({}, failure)
        counts.note(notice.channel, failure ?? 'sent')
        return async (tx, isLate): Promise<Outcome> => {
          if (isLate) return { done: true }
          if (!(sent instanceof ChannelFailed)) {
            if (sent.externalId) await noteExternalId(tx, notice.id, sent.externalId)
            await advanceNotice(tx, notice, 'sent', now())
            return { done: true }
          }
          if (sent.isGone) await loseContact(tx, contact, now())
          const again = nextTry(job, sent, notice)
          if (again !== undefined) return { repeatAt: again }
          await fail(tx, notice, sent.kind, now())
          return { done: true }
        }
      }
    },
  }

  /** The same for news of an account. */
  async function startAccount(tx: Transaction, job: Job): Promise<Attempt | undefined> {
    const notice = await accountNoticeById(tx, job.ref)
    if (notice?.state !== 'queued' || notice.expiresAt <= now()) return undefined
    const { id, about, at, expiresAt } = notice
    const channel = channels.get(notice.channel)
    const contact = await contactById(tx, notice.contactId)
    if (!channel?.sendAccount || contact?.state !== 'active') {
      await failAccount(tx, notice, 'channel_off', now())
      return undefined
    }
    const message = { noticeId: id, about, address: contact.address, contact, at, expiresAt }
    return async (signal) => {
      const sent = await channel.sendAccount?.(message, signal).catch((fault) => asFailure(fault))
      counts.note(notice.channel, sent instanceof ChannelFailed ? sent.kind : 'sent')
      return async (tx, isLate): Promise<Outcome> => {
        if (isLate) return { done: true }
        if (!(sent instanceof ChannelFailed)) {
          await setAccountNoticeState(tx, id, 'sent', null, now())
          sayNotice(tx, { id, userId: notice.userId, channel: notice.channel }, 'sent')
          return { done: true }
        }
        if (sent.isGone) await loseContact(tx, contact, now())
        const again = nextTry(job, sent, notice)
        if (again !== undefined) return { repeatAt: again }
        await failAccount(tx, notice, sent.kind, now())
        return { done: true }
      }
    }
  }

  /** When a message that was not taken is worth another try; undefined for never. */
  function nextTry({ attempt }: Job, { retryAfterMs }: ChannelFailed, { expiresAt }: { expiresAt: number }) {
    const again = now() + jitter(Math.max(retryAfterMs ?? 0, 4 ** (attempt - 1) * 1_000))
    return retryAfterMs !== undefined && attempt < MOST_ATTEMPTS && again < expiresAt ? again : undefined
  }
}

async function failAccount(
  tx: Transaction,
  { id, userId, channel }: AccountNotice,
  kind: string,
  now: number,
) {
  await setAccountNoticeState(tx, id, 'failed', kind, now)
  sayNotice(tx, { id, userId, channel }, 'failed', kind)
  await recordEvent(tx, {
    kind: 'account_notice_failed',
    actor: 'system',
    userId,
    detail: `${channel}: ${kind}`,
    at: now,
  })
}

/** Nobody is there any more: the user sees so, and nothing is sent there until they bring it back. */
async function loseContact(tx: Transaction, { id, userId, channel }: Contact, now: number) {
  await setContactState(tx, id, 'unreachable')
  await recordEvent(tx, { kind: 'contact_unreachable', actor: 'system', userId, detail: channel, at: now })
}

async function fail(tx: Transaction, notice: Notice, kind: string, now: number) {
  await setNoticeState(tx, notice.id, 'failed', kind, now)
  sayNotice(tx, notice, 'failed', kind)
  if (notice.about !== 'waiting') return
  await bringNextForward(tx, notice, now)
  await recordEvent(tx, {
    kind: 'notice_failed',
    actor: 'system',
    requestId: notice.requestId,
    userId: notice.userId,
    clientId: notice.clientId,
    detail: `${notice.channel}: ${kind}`,
    at: now,
  })
}

/** A fault that is not of the messenger's saying (no connection, no answer in time) is worth another try. */
const asFailure = (fault: unknown): ChannelFailed =>
  fault instanceof ChannelFailed
    ? fault
    : new ChannelFailed('unreachable', 'The messenger cannot be reached.', { retryAfterMs: 0, cause: fault })
