import { useId, useRef, useState } from 'preact/hooks'
import type { EventCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { get } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'
import { Frame } from './frame.tsx'

const words = ['kind', 'actor', 'actor_id', 'user_id', 'client_id', 'request_id'] as const

interface Page {
  events: EventCard[]
  next: string | null
}

/** The audit log: what happened, who did it, to what, and when. */
export function EventsPage() {
  const [query, setQuery] = useState('')
  const href = (format: string) => `/v1/admin/events/export?${query}${query && '&'}format=${format}`
  return (
    <Frame title={t('operator.events.title')} lead={t('operator.events.lead')}>
      <Filters onSearch={setQuery} />
      <p class="links">
        <a href={href('csv')} download>
          {t('operator.events.csv')}
        </a>
        <a href={href('ndjson')} download>
          {t('operator.events.ndjson')}
        </a>
      </p>
      <Events key={query} query={query} />
    </Frame>
  )
}

function Filters({ onSearch }: { onSearch: (query: string) => void }) {
  const form = useRef<HTMLFormElement>(null)
  const id = useId()
  const submit = (event: Event) => {
    event.preventDefault()
    if (!form.current) return
    const query = new URLSearchParams()
    for (const [name, value] of new FormData(form.current)) {
      const text = String(value).trim()
      const isTime = name === 'from' || name === 'to'
      if (text) query.set(name, isTime ? String(Date.parse(text)) : text)
    }
    onSearch(query.toString())
  }
  return (
    <details>
      <summary>{t('operator.events.filter')}</summary>
      <form ref={form} class="search" onSubmit={submit}>
        {[...words, 'from' as const, 'to' as const].map((name) => (
          <div key={name} class="field">
            <label for={`${id}-${name}`}>{t(`operator.events.${name}`)}</label>
            <input
              id={`${id}-${name}`}
              name={name}
              {...(name === 'from' || name === 'to' ? { type: 'datetime-local' } : { type: 'text' })}
              maxLength={100}
              autocomplete="off"
              spellcheck={false}
            />
          </div>
        ))}
        <Button type="submit">{t('operator.search')}</Button>
      </form>
    </details>
  )
}

function Events({ query }: { query: string }) {
  const first = useLoad<Page>(`/v1/admin/events?${query}`)
  const [older, setOlder] = useState<Page>()
  const next = older ? older.next : (first.data?.next ?? null)
  const more = useAction(async () => {
    const page = await get<Page>(`/v1/admin/events?${query}${query && '&'}cursor=${next}`)
    setOlder((known) => ({ events: [...(known?.events ?? []), ...page.events], next: page.next }))
  })
  return (
    <Loaded from={first}>
      {({ events }) => {
        const all = [
          ...new Map([...events, ...(older?.events ?? [])].map((each) => [each.seq, each])).values(),
        ]
        return (
          <>
            {all.length === 0 ? <p>{t('operator.events.none')}</p> : <ul class="cards">{all.map(line)}</ul>}
            <Failure error={more.error} />
            {next !== null && (
              <Button isBusy={more.isBusy} onClick={more.run}>
                {t('operator.events.more')}
              </Button>
            )}
          </>
        )
      }}
    </Loaded>
  )
}

const line = (each: EventCard) => (
  <li key={each.seq} class="card">
    <span>
      <code>{each.kind}</code> · {when(each.at)}
    </span>
    <p class="quiet">
      {[each.actor, each.actor_id].filter(Boolean).join(' ')}
      {each.address && ` · ${each.address}`}
    </p>
    {each.detail && (
      <p>
        <bdi>{each.detail}</bdi>
      </p>
    )}
    {[each.user_id, each.client_id, each.request_id].map(
      (id) =>
        id && (
          <p key={id} class="quiet">
            <code>{id}</code>
          </p>
        ),
    )}
  </li>
)
