import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, SECOND } from '#base/clock.ts'
import { ChannelFailed } from '#notices/channel.ts'
import type { Database } from '#store/database.ts'
import { lockNumber, type Pair, pairInside, putPair, setNextTurn } from './store.ts'

/** Keeps the messages of a number to what Meta lets it send, whichever node sends them. */
export interface Pace {
  /**
   * Waits until a message may leave: the number is next, after those of all nodes.
   *
   * @param recipient a phone number, or Meta's id of somebody who hides theirs
   * @throws ChannelFailed `pair_limited` where this person got their share: it is not worth holding a place for
   */
  turn(recipient: string, signal: AbortSignal): Promise<void>
}

interface PaceContext {
  db: Database
  now: Clock
}

interface NumberPace {
  phoneNumberId: string
  /** What the number may send in a second, from all nodes. */
  messagesPerSecond: number
}

/**
 * One person gets one message in 6 s. Up to 45 may go at once, within 6 s; whoever got `n` that way gets none until the
 * time is over in which `n` would have gone one by one
 * (https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput, pair rate limits).
 */
export const PAIR_MS = 6 * SECOND
export const PAIR_BURST = 45

/** A turn that lies further ahead was given by a clock that has been put right since. */
const LONGEST_QUEUE_MS = 60 * SECOND

/** The wait is shortened by up to a fifth where it is used. */
const JITTER = 1.25

/** What waits while a transaction is out takes its turns together in the next one: alone, a message is not held up. */
export function createPace(context: PaceContext, number: NumberPace): Pace {
  type Waiting = { recipient: string; resolve(turn: Turn): void; reject(fault: unknown): void }
  let waiting: Waiting[] = []
  let isOut = false

  async function takeAll() {
    if (isOut) return
    isOut = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        const turns = await takeTurns(
          context,
          number,
          group.map(({ recipient }) => recipient),
        )
        for (const [i, each] of group.entries()) each.resolve(turns[i] as Turn)
      } catch (fault) {
        for (const each of group) each.reject(fault)
      }
    }
    isOut = false
  }

  return {
    async turn(recipient, signal) {
      const { isFree, waitMs } = await new Promise<Turn>((resolve, reject) => {
        waiting.push({ recipient, resolve, reject })
        void takeAll()
      })
      if (!isFree) {
        throw new ChannelFailed('pair_limited', 'This person gets no more messages just now.', {
          retryAfterMs: Math.ceil(waitMs * JITTER),
        })
      }
      if (waitMs > 1) await pause(waitMs, undefined, { signal })
    },
  }
}

interface Turn {
  /** Whether a turn was given; if not, this person had their share. */
  isFree: boolean
  /** From now until the turn, or until there may be one; milliseconds, in parts. */
  waitMs: number
}

/** Gives each message a turn: one after the other, evenly, for a burst above the rate is refused by Meta as a whole. */
export const takeTurns = (
  { db, now }: PaceContext,
  { phoneNumberId, messagesPerSecond }: NumberPace,
  recipients: string[],
): Promise<Turn[]> =>
  db.transaction(async (tx) => {
    // Whoever holds the row of the number is alone with its pairs.
    const planned = await lockNumber(tx, phoneNumberId)
    const at = now()
    const isAhead = planned > at && planned <= at + LONGEST_QUEUE_MS
    let nextAt = isAhead ? planned : at
    const turns: Turn[] = []
    for (const recipient of recipients) {
      const pair = nextOfPair(await pairInside(tx, recipient), at)
      if (pair.waitMs > 0) {
        turns.push({ isFree: false, waitMs: pair.waitMs })
        continue
      }
      await putPair(tx, { recipient, ...pair })
      turns.push({ isFree: true, waitMs: nextAt - at })
      nextAt += SECOND / messagesPerSecond
    }
    await setNextTurn(tx, phoneNumberId, nextAt, at - PAIR_MS * PAIR_BURST)
    return turns
  })

/** The burst that one more message belongs to, and how long it must wait if it belongs to none. */
function nextOfPair(pair: Pair | undefined, now: number): { since: number; count: number; waitMs: number } {
  const isOver = !pair || pair.since > now || pair.since + PAIR_MS * pair.count <= now
  if (isOver) return { since: now, count: 1, waitMs: 0 }
  const { since, count } = pair
  const isBurst = now < since + PAIR_MS && count < PAIR_BURST
  return isBurst
    ? { since, count: count + 1, waitMs: 0 }
    : { since, count, waitMs: since + PAIR_MS * count - now }
}
