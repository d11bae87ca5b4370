/** What the run tells the driver, a process of its own. */
export type Order =
  | { do: 'prepare'; origin: string; notifierUrl: string; people: number; seed: number }
  /** As fast as it goes, some at a time: what the server can do. */
  | { do: 'measure'; seconds: number }
  /** So many a second, whatever becomes of them, stage by stage. */
  | { do: 'press'; stages: Stage[] }
  | { do: 'tell' }

export interface Stage {
  /** Asks a second. */
  rate: number
  seconds: number
}

/** What becomes of a request, as far as somebody was told so. */
export type Fate =
  | 'pending'
  /** A decision was sent, and its answer never came. */
  | 'unknown'
  | 'approved'
  | 'rejected'
  | 'withdrawn'
  | 'expired'

/** An ask that was answered with 200. */
export interface Promised {
  id: string
  protocol: 'upstox' | 'ciba'
  fate: Fate
  /** By CIBA: its result was fetched, or lost with a server that was killed while it answered. */
  result?: 'fetched' | 'cut_off'
}

/** Latencies in milliseconds, each from the moment at which the call was to be made. */
export type Latencies = Record<'ask' | 'decide' | 'result', number[]>

/** What came of a stage. */
export interface Pressed {
  /** Flows that were to begin. */
  intended: number
  /** Flows that came to their end. */
  done: number
  /** Asks answered with 503 and a retry-after, and with 503 without one. */
  shed: number
  shedBadly: number
  /** Asks that nobody answered for as long as their sender was patient. */
  unanswered: number
  /** Nobody was free to ask for, so nothing was sent. */
  skipped: number
  latencies: Latencies
  /** Since the beginning of the stage, in milliseconds, the last moment at which an ask was to be sent that was not answered soon. */
  troubledUntil: number
  /** Answers that should not be. */
  surprises: Record<string, number>
}

export type Told =
  | { measured: Pressed }
  | { pressed: Pressed[] }
  | { begun: number }
  | { promised: Promised[] }
  | { progress: string }
  | { ready: true }
