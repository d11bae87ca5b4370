import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { readInbox, useInbox } from '../ui/inbox.ts'
import { goTo } from '../ui/navigate.ts'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'
import { RequestList } from './request-list.tsx'

export function InboxPage() {
  const { page, error } = useInbox()
  const waiting = page?.requests
  return (
    <Shell>
      <Heading title={t('inbox.title')} />
      {waiting && (
        <p class="lead" role="status">
          {waiting.length ? t('inbox.waiting', { count: waiting.length }) : t('inbox.empty')}
        </p>
      )}
      <Failure error={error} retry={readInbox} />
      {!waiting && error === undefined && <Skeleton />}
      {waiting && (waiting.length ? <RequestList requests={waiting} /> : <Empty />)}
      {page?.next && <p class="quiet">{t('inbox.more')}</p>}
      {waiting && isUntold() && (
        <p class="links">
          <a href="/alerts">{t('inbox.alerts')}</a>
        </p>
      )}
    </Shell>
  )
}

/** Whether this device could tell of requests and was not let yet. */
const isUntold = () => ('Notification' in window ? Notification.permission === 'default' : isApplePhone())
/** There a page must be put on the home screen first. */
const isApplePhone = () => /iPhone|iPad/.test(navigator.userAgent)

function Empty() {
  const test = useAction(async () => {
    const { request_id } = await post<{ request_id: string }>('/v1/me/test-request')
    goTo(`/r/${request_id}`)
  })
  return (
    <section class="empty">
      <p>{t('inbox.explain')}</p>
      <Failure error={test.error} />
      <Button isBusy={test.isBusy} onClick={test.run}>
        {t('inbox.test')}
      </Button>
      <p class="quiet">{t('inbox.testHelp')}</p>
    </section>
  )
}
