import type { RequestDetail } from '../../src/api/contract.ts'
import { Steps } from '../ui/steps.tsx'
import { isText, type Key, t } from '../ui/text.ts'

/** What happened to a request, step by step. */
export function Timeline({ events }: { events: RequestDetail['timeline'] }) {
  return (
    <details>
      <summary>{t('timeline.title')}</summary>
      <Steps steps={events.map(({ kind, at, detail }) => ({ words: nameOf(kind), detail, at }))} />
    </details>
  )
}

function nameOf(kind: string): string {
  const key = `event.${kind}`
  return isText(key) ? t(key as Extract<Key, `event.${string}`>) : kind.replaceAll('_', ' ')
}
