import { useState } from 'preact/hooks'
import { useRoute } from 'preact-iso/router'
import type { RequestDetail } from '../../src/api/contract.ts'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'
import type { Decision } from './decide.ts'
import { Leaving } from './leaving.tsx'
import { PendingRequest } from './pending.tsx'
import { SettledRequest } from './settled.tsx'
import { useTimeLeft } from './use-time-left.ts'

export function RequestPage() {
  const id = useRoute().params.id ?? ''
  return (
    <Shell>
      <OneRequest key={id} id={id} />
    </Shell>
  )
}

function OneRequest({ id }: { id: string }) {
  const { data, error, reload } = useLoad<RequestDetail>(`/v1/me/requests/${id}`)
  if (data) return <Opened request={data} reload={reload} />
  if (error === undefined) return <Skeleton />
  return (
    <>
      <Heading title={t('request.missing')} />
      <Failure error={error} retry={reload} />
    </>
  )
}

/** The same address shows a request while it waits, and how it ended. */
function Opened({ request, reload }: { request: RequestDetail; reload: () => Promise<void> }) {
  const [redirectTo, setRedirectTo] = useState<string | null>(null)
  const timeLeft = useTimeLeft(request.expires_at)
  // The server says so a moment later; nobody should meet a dead button until then.
  const status = request.status === 'pending' && timeLeft <= 0 ? 'expired' : request.status

  const onDecided = async (decision: Decision) => {
    setRedirectTo(decision.redirect_to)
    await reload()
  }

  if (status === 'pending') {
    return <PendingRequest request={request} timeLeft={timeLeft} onDecided={onDecided} onSettled={reload} />
  }
  return (
    <SettledRequest request={request} status={status} reload={reload}>
      {redirectTo && <Leaving to={redirectTo} />}
    </SettledRequest>
  )
}
