import { EventEmitter } from 'node:events'
import type { Fact } from '#base/facts.ts'
import type { Hint } from './database.ts'

/** What a commit tells this process once it is on disk. */
export interface News {
  hints: Set<Hint>
  facts: Fact[]
  /** What is to be done then. */
  followUps: (() => void)[]
}

export const noNews = (): News => ({ hints: new Set(), facts: [], followUps: [] })

export function addNews(all: News, more: News): void {
  for (const topic of more.hints) all.hints.add(topic)
  for (const fact of more.facts) all.facts.push(fact)
  for (const followUp of more.followUps) all.followUps.push(followUp)
}

/** Passes on what commits tell, the same way on both engines. */
export function createNews() {
  const hints = new EventEmitter().setMaxListeners(0)
  const listeners = new Set<(fact: Fact) => void>()
  return {
    give({ hints: topics, facts, followUps }: News) {
      for (const followUp of followUps) followUp()
      for (const topic of topics) hints.emit(topic)
      for (const fact of facts) for (const listener of listeners) listener(fact)
    },
    /** A hint that came from another node. */
    hint: (topic: string) => void hints.emit(topic),
    onHint(topic: Hint, listener: () => void) {
      hints.on(topic, listener)
      return () => void hints.off(topic, listener)
    },
    onFact(listener: (fact: Fact) => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
