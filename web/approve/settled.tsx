import type { ComponentChildren } from 'preact'
import type { RequestDetail, RequestStatus } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { rich, t } from '../ui/text.ts'
import { Signature } from '../ui/wordmark.tsx'
import { Handover } from './handover.tsx'
import { Reason } from './reason.tsx'
import { Timeline } from './timeline.tsx'

interface Props {
  request: RequestDetail
  status: Exclude<RequestStatus, 'pending'>
  reload: () => Promise<void>
  /** What happens next, if anything does. */
  children?: ComponentChildren
}

/** How a request ended, and what can still be done about it. */
export function SettledRequest({ request, status, reload, children }: Props) {
  const { id, client, reason, settled_at, expires_at, timeline } = request
  const isApproved = status === 'approved'
  return (
    <article class={`settled ${status}`}>
      <Heading title={t(`status.${status}`)} />
      {isApproved && <Signature />}
      <p class="lead">
        {rich(`settled.${status}`, {
          app: <bdi class="app">{client.name}</bdi>,
          at: when(settled_at ?? expires_at),
        })}
      </p>
      {children}
      {reason && (
        <p>
          {t('request.appSays')} <Reason text={reason} />
        </p>
      )}
      {isApproved && <Handover request={request} reload={reload} />}
      <Timeline events={timeline} />
      <p class="links">
        {isApproved && (
          <a href={`/v1/me/requests/${id}/evidence`} download={`${id}.json`}>
            {t('settled.proof')}
          </a>
        )}
        <a href="/">{t('action.toInbox')}</a>
      </p>
    </article>
  )
}
