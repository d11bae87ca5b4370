import { useEffect, useState } from 'preact/hooks'
import type { RequestCard, RequestPage } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { get } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'
import { RequestList } from './request-list.tsx'

export function HistoryPage() {
  const newest = useLoad<RequestPage>('/v1/me/requests')
  const [shown, setShown] = useState<RequestPage>()

  useEffect(() => {
    const page = newest.data
    if (page) setShown((known) => ({ requests: merge(page, known), next: known ? known.next : page.next }))
  }, [newest.data])

  const readOlder = useAction(async () => {
    const page = await get<RequestPage>(`/v1/me/requests?cursor=${encodeURIComponent(shown?.next ?? '')}`)
    setShown((known) => ({ requests: merge(page, known), next: page.next }))
  })

  return (
    <Shell>
      <Heading title={t('history.title')} />
      <p class="lead">{shown?.requests.length === 0 ? t('history.empty') : t('history.lead')}</p>
      <Failure error={newest.error} retry={newest.reload} />
      {shown ? <RequestList requests={shown.requests} /> : newest.error === undefined && <Skeleton />}
      <Failure error={readOlder.error} />
      {shown?.next && (
        <Button isBusy={readOlder.isBusy} onClick={readOlder.run}>
          {t('history.older')}
        </Button>
      )}
    </Shell>
  )
}

/** What was just read replaces what was known of the same requests; newest first. */
function merge(page: RequestPage, known: RequestPage | undefined): RequestCard[] {
  const all = new Map([...(known?.requests ?? []), ...page.requests].map((each) => [each.id, each]))
  return [...all.values()].sort((a, b) => b.requested_at - a.requested_at)
}
