import type { RequestDetail } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { isText, type Key, t } from '../ui/text.ts'

/** What happened to a request, step by step. */
export function Timeline({ events }: { events: RequestDetail['timeline'] }) {
  return (
    <details>
      <summary>{t('timeline.title')}</summary>
      <ol class="timeline">
        {events.map(({ kind, at, detail }) => (
          <li key={`${kind} ${at}`}>
            {nameOf(kind)}
            {detail && (
              <>
                {': '}
                <bdi>{detail}</bdi>
              </>
            )}
            <time class="quiet" dateTime={new Date(at).toISOString()}>
              {when(at)}
            </time>
          </li>
        ))}
      </ol>
    </details>
  )
}

function nameOf(kind: string): string {
  const key = `event.${kind}`
  return isText(key) ? t(key as Extract<Key, `event.${string}`>) : kind.replaceAll('_', ' ')
}
