import { useId, useState } from 'preact/hooks'
import type { AttemptCard, DeliveryCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { hostOf, when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import type { PartProps } from './app-page.tsx'
import { Attempt } from './attempt.tsx'
import { Filter, PagedList } from './list.tsx'

const states = ['queued', 'delivered', 'undeliverable'] as const

/** What was sent to an app's endpoint, try by try, and how to send what still waits. */
export function Deliveries({ path }: PartProps) {
  const [state, setState] = useState<DeliveryCard['state'] | ''>('')
  const deliveries = usePages<DeliveryCard>(`${path}/deliveries`, state && `state=${state}`, 'deliveries')
  const options = states.map((each) => [each, t(`filter.${each}`)] as const)
  const isAnyWaiting = deliveries.items?.some((each) => each.state === 'queued')
  return (
    <section>
      <h2>{t('app.part.deliveries')}</h2>
      <Filter value={state} options={options} onChange={setState} />
      {isAnyWaiting && <Recover path={path} reload={deliveries.reload} />}
      <PagedList from={deliveries} empty={<p>{t('deliveries.empty')}</p>}>
        {(delivery) => <OneDelivery delivery={delivery} path={path} reload={deliveries.reload} />}
      </PagedList>
    </section>
  )
}

/** Sends all that waits since a time, for when an endpoint was away. */
function Recover({ path, reload }: Pick<PartProps, 'path' | 'reload'>) {
  const id = useId()
  const [since, setSince] = useState(() => localTime(Date.now() - 86_400_000))
  const [count, setCount] = useState<number>()
  const recover = useAction(async () => {
    const at = Date.parse(since) || 0
    setCount((await post<{ count: number }>(`${path}/recover`, { since: at })).count)
    await reload()
  })
  return (
    <div class="field panel">
      <label for={id}>{t('deliveries.recover')}</label>
      <p class="quiet">{t('deliveries.recover.help')}</p>
      <input
        id={id}
        type="datetime-local"
        value={since}
        onInput={(event) => setSince(event.currentTarget.value)}
      />
      <Button isBusy={recover.isBusy} onClick={recover.run}>
        {t('deliveries.recover.button')}
      </Button>
      <p role="status">{count !== undefined && t('deliveries.recovered', { count })}</p>
      <Failure error={recover.error} />
    </div>
  )
}

/** As `datetime-local` takes it: the reader's own wall clock, to the minute. */
const localTime = (at: number) =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

function OneDelivery(props: { delivery: DeliveryCard; path: string; reload: () => Promise<void> }) {
  const { id, state, url, attempts, created_at } = props.delivery
  const path = `${props.path}/deliveries/${id}`
  const [isOpen, setOpen] = useState(false)
  const resend = useAction(async () => {
    await post(`${path}/resend`)
    await props.reload()
  })
  return (
    <>
      <p>
        <span class={`status ${state}`}>{t(`filter.${state}`)}</span>{' '}
        <span class="quiet">{t('deliveries.tries', { count: attempts })}</span>
      </p>
      <p class="quiet">
        {t('deliveries.to', { host: hostOf(url), at: when(created_at) })} <code>{id}</code>
      </p>
      {state === 'queued' && (
        <Button isBusy={resend.isBusy} onClick={resend.run}>
          {t('deliveries.resend')}
          <span class="unseen"> {id}</span>
        </Button>
      )}
      <Failure error={resend.error} />
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t('deliveries.open')}</summary>
        {isOpen && <Attempts url={`${path}/attempts`} />}
      </details>
    </>
  )
}

function Attempts({ url }: { url: string }) {
  const tries = useLoad<{ attempts: AttemptCard[]; next_attempt_at: number | null }>(url)
  return (
    <Loaded from={tries}>
      {({ attempts, next_attempt_at }) => (
        <>
          {next_attempt_at !== null && (
            <p role="status">{t('deliveries.next', { at: when(next_attempt_at) })}</p>
          )}
          {attempts.toReversed().map((each) => (
            <Attempt key={each.number} attempt={each} />
          ))}
        </>
      )}
    </Loaded>
  )
}
