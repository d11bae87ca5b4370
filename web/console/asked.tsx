import { useState } from 'preact/hooks'
import type { AppRequestCard, AppRequestDetail, RequestStatus } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { Status } from '../ui/status.tsx'
import { Steps } from '../ui/steps.tsx'
import { isText, t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import type { PartProps } from './app-page.tsx'
import { Filter, PagedList } from './list.tsx'
import { SimulateOne } from './simulate.tsx'

const states = ['pending', 'approved', 'rejected', 'expired', 'withdrawn'] as const

/** What an app asked, and how each ask went. New ones appear by themselves. */
export function Asked({ app, path }: PartProps) {
  const [status, setStatus] = useState<RequestStatus | ''>('')
  const requests = usePages<AppRequestCard>(`${path}/requests`, status && `status=${status}`, 'requests')
  const options = states.map((each) => [each, nameOf(each)] as const)
  return (
    <section>
      <h2>{t('app.part.requests')}</h2>
      <Filter value={status} options={options} onChange={setStatus} />
      <PagedList from={requests} empty={<Nothing app={app} />}>
        {(request) => <OneAsked request={request} path={path} isTest={app.mode === 'test'} />}
      </PagedList>
    </section>
  )
}

const nameOf = (status: RequestStatus) =>
  status === 'pending' ? t('asked.status.pending') : t(`status.${status}`)

function Nothing({ app }: Pick<PartProps, 'app'>) {
  const call = `curl -X POST ${location.origin}/v3/login/auth/token/request/${app.client_id} \\
  -H 'content-type: application/json' -d '{"client_secret": "…"}'`
  return (
    <>
      <p>{t('asked.empty')}</p>
      {app.kind === 'individual' && (
        <>
          <p>{t('asked.ask')}</p>
          <pre>
            <code>{call}</code>
          </pre>
        </>
      )}
    </>
  )
}

function OneAsked({ request, path, isTest }: { request: AppRequestCard; path: string; isTest: boolean }) {
  const url = `${path}/requests/${request.id}`
  const { id, status, requested_at, settled_at } = request
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <p>
        {status === 'pending' ? (
          <span class="status pending">{t('asked.status.pending')}</span>
        ) : (
          <Status of={status} />
        )}
        {settled_at !== null && <span class="quiet"> {when(settled_at)}</span>}
      </p>
      <p class="quiet">
        {t('asked.at', { at: when(requested_at) })} <code>{id}</code>
      </p>
      {isTest && status === 'pending' && <SimulateOne url={url} />}
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t('asked.steps')}</summary>
        {isOpen && <StepsOf url={url} />}
      </details>
    </>
  )
}

function StepsOf({ url }: { url: string }) {
  const request = useLoad<AppRequestDetail>(url)
  return (
    <Loaded from={request}>
      {({ timeline }) => (
        <Steps steps={timeline.map((step) => ({ words: wordsOf(step), detail: step.detail, at: step.at }))} />
      )}
    </Loaded>
  )
}

const channels: Record<string, string> = { whatsapp: 'WhatsApp', webpush: 'Web Push', live: 'Web' }

/** A newer server may know of steps that these pages have no words for. */
function wordsOf({ kind, channel }: AppRequestDetail['timeline'][number]): string {
  const key = `step.${kind}`
  if (!isText(key)) return kind.replaceAll('_', ' ')
  return t(key as 'step.notice_sent', { channel: channels[channel ?? ''] ?? channel ?? '' })
}
