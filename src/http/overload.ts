import type { FastifyRequest, preHandlerHookHandler, RouteHandlerMethod, RouteOptions } from 'fastify'
import { Refusal } from '#base/errors.ts'
import type { Server } from './server.ts'

/**
 * What a call gives way to when more comes than can be done. `first` is never turned away, `usual` late, `last` soon.
 * `held` is as `usual`, and is not counted as under way, since such calls wait most of their time for a person.
 */
export type Precedence = 'first' | 'usual' | 'held' | 'last'

/** From where on what goes last is turned away; at twice as much, all but what goes first. */
export interface OverloadRule {
  /** How late the event loop is, lastingly, in milliseconds. */
  lagMs: number
  /** Calls under way in this process. */
  calls: number
}

export interface OverloadOptions {
  rule: OverloadRule
  precedenceOf: (method: string, url: string) => Precedence
  /** Hears of each call that is turned away. */
  onShed: (precedence: Precedence) => void
  /** Hears when it begins, and when none was turned away for a while: then how many were. */
  onTurn: (shed: number | undefined) => void
}

const SAMPLE_MS = 100
/** So long nothing is turned away before it is said to be over. */
const CALM_MS = 5_000
/** Seconds after which callers may come again: not all at the same moment. */
const [SOONEST, LATEST] = [1, 3]

/**
 * Turns calls away while more comes than can be done, before their body is read, so that what has begun ends soon: an ask
 * that waits in a long queue is given up by whoever sent it, and its work is done for nobody. Two things tell of it. The
 * event loop is late when the processor is what lacks, calls pile up when it is the store. To be called before any route
 * is added.
 *
 * @returns how many calls are under way
 * @throws Refusal `overloaded` with `retry_after` in seconds, to the caller
 */
export function shedOverload(
  server: Server,
  { rule, precedenceOf, onShed, onTurn }: OverloadOptions,
): () => number {
  const lag = watchLag(server)
  let underWay = 0
  let shed = 0
  let shedAt = 0

  const turnAway = (precedence: Precedence) => {
    shedAt = performance.now()
    shed += 1
    if (shed === 1) onTurn(undefined)
    onShed(precedence)
    const retryAfter = SOONEST + Math.floor(Math.random() * (LATEST - SOONEST + 1))
    return new Refusal('overloaded', { facts: { retry_after: retryAfter } })
  }
  const judge = (precedence: Precedence, times: number): preHandlerHookHandler => {
    const [lagMs, calls] = [rule.lagMs * times, rule.calls * times]
    return (_http, _reply, done) => {
      if (underWay >= calls || lag.ms() >= lagMs) done(turnAway(precedence))
      else done()
    }
  }
  const judges = { last: judge('last', 1), usual: judge('usual', 2), held: judge('held', 2) }

  /** Counts by the work itself: a caller who hangs up leaves it behind, and it goes on. */
  const counted = (handler: RouteHandlerMethod): RouteHandlerMethod =>
    function (this: Server, http: FastifyRequest, reply) {
      const work = handler.call(this, http, reply)
      if (work instanceof Promise) {
        underWay += 1
        work.then(ended, ended)
      }
      return work
    } as RouteHandlerMethod
  const ended = () => {
    underWay -= 1
  }

  server.addHook('onRoute', (route: RouteOptions) => {
    const precedence = precedenceOf(String(route.method), route.url)
    if (precedence !== 'held') route.handler = counted(route.handler)
    if (precedence !== 'first') route.onRequest = [judges[precedence], ...[route.onRequest ?? []].flat()]
  })
  const calm = setInterval(() => {
    if (shed === 0 || performance.now() - shedAt < CALM_MS) return
    onTurn(shed)
    shed = 0
  }, CALM_MS)
  calm.unref()
  server.addHook('onClose', async () => clearInterval(calm))
  return () => underWay
}

/** How late a timer comes, of the last two times the smaller one: a single halt is no overload. */
function watchLag(server: Server) {
  let dueAt = performance.now() + SAMPLE_MS
  let before = 0
  let lasting = 0
  const timer = setInterval(() => {
    const at = performance.now()
    const late = at - dueAt
    dueAt = at + SAMPLE_MS
    lasting = Math.min(before, late)
    before = late
  }, SAMPLE_MS)
  timer.unref()
  server.addHook('onClose', async () => clearInterval(timer))
  return { ms: () => lasting }
}
