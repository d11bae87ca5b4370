import { type Event, eventsAfter, lastEvent } from '#audit/events.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'

type Listener = (event: Event) => void

export interface LiveHub {
  /** @returns how to stop listening */
  listen(userId: string, listener: Listener): () => void
  stop(): void
}

const POLL_MS = 1_000
const BATCH = 500

/**
 * Tells open pages what happens to their user's requests. It follows the audit log, so it knows of every change,
 * whichever process made it: a hint makes it look at once, and a look each second is what it rests on.
 */
export function createLiveHub({ db, log }: { db: Database; log: Log }): LiveHub {
  const listeners = new Map<string, Set<Listener>>()
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

  async function readAll() {
    while (isReadWanted) {
      isReadWanted = false
      readUpTo ??= await lastEvent(db)
      const events = await eventsAfter(db, readUpTo, BATCH)
      for (const event of events) {
        readUpTo = event.seq
        for (const listener of listeners.get(event.userId ?? '') ?? []) listener(event)
      }
      if (events.length === BATCH) isReadWanted = true
    }
  }

  const forget = db.onHint('events', look)
  const poll = setInterval(look, POLL_MS)
  poll.unref()

  return {
    listen(userId, listener) {
      // What happened before anybody listened is on the page already.
      if (listeners.size === 0) readUpTo = undefined
      const own = listeners.get(userId) ?? new Set()
      listeners.set(userId, own.add(listener))
      look()
      return () => {
        own.delete(listener)
        if (own.size === 0) listeners.delete(userId)
      }
    },
    stop() {
      forget()
      clearInterval(poll)
      listeners.clear()
    },
  }
}
