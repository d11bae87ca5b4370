import { type Event, eventsAfter, lastEvent } from '#audit/events.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'

type Listener = (event: Event) => void

export interface LiveHub {
  /** @returns how to stop listening */
  listen(userId: string, listener: Listener): () => void
  /** The same for all that an app does, whoever it asks. */
  listenToClient(clientId: string, listener: Listener): () => void
  stop(): void
}

/** No user's id has a space in it. */
const clientKey = (clientId: string) => `client ${clientId}`

const POLL_MS = 1_000
const BATCH = 500
/**
 * On many nodes a transaction may take its number before another one and commit after it. Numbers that were passed over
 * are looked for again for this long; most of them belong to transactions that were rolled back.
 */
const GAP_MS = 5_000
const MOST_GAPS = 1_000

/**
 * Tells open pages what happens to their user's requests. It follows the audit log, so it knows of every change,
 * whichever process made it: a hint makes it look at once, and a look each second is what it rests on.
 */
export function createLiveHub({ db, log }: { db: Database; log: Log }): LiveHub {
  const listeners = new Map<string, Set<Listener>>()
  const gaps = new Map<number, number>()
  let readUpTo: number | undefined
  let isReading = false
  let isReadWanted = false

  const look = () => {
    if (listeners.size === 0) return
    isReadWanted = true
    if (isReading) return
    isReading = true
    void readAll()
      .catch((fault) => log.error('The live pages could not be told.', fault))
      .finally(() => {
        isReading = false
      })
  }

  /** The number before the first one that was passed over and may still come. */
  function firstGap(): number | undefined {
    for (const [seq, seenAt] of gaps) {
      if (seenAt + GAP_MS > performance.now()) return seq - 1
      gaps.delete(seq)
    }
    return undefined
  }

  async function readAll() {
    while (isReadWanted) {
      isReadWanted = false
      readUpTo ??= await lastEvent(db)
      const from = firstGap() ?? readUpTo
      const events = await eventsAfter(db, from, BATCH + gaps.size)
      let told = 0
      for (const event of events) {
        if (event.seq <= readUpTo && !gaps.delete(event.seq)) continue
        for (let seq = readUpTo + 1; seq < event.seq && gaps.size < MOST_GAPS; seq += 1)
          gaps.set(seq, performance.now())
        readUpTo = Math.max(readUpTo, event.seq)
        told += 1
        for (const key of [event.userId ?? '', clientKey(event.clientId ?? '')])
          for (const listener of listeners.get(key) ?? []) listener(event)
      }
      if (told >= BATCH) isReadWanted = true
    }
  }

  const forget = db.onHint('events', look)
  const poll = setInterval(look, POLL_MS)
  poll.unref()

  function listen(key: string, listener: Listener) {
    // What happened before anybody listened is on the page already.
    if (listeners.size === 0) {
      readUpTo = undefined
      gaps.clear()
    }
    const own = listeners.get(key) ?? new Set()
    listeners.set(key, own.add(listener))
    look()
    return () => {
      own.delete(listener)
      if (own.size === 0) listeners.delete(key)
    }
  }

  return {
    listen,
    listenToClient: (clientId, listener) => listen(clientKey(clientId), listener),
    stop() {
      forget()
      clearInterval(poll)
      listeners.clear()
    },
  }
}
