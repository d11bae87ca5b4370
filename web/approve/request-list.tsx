import type { RequestCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { Status } from '../ui/status.tsx'
import { t } from '../ui/text.ts'
import { Reason } from './reason.tsx'

/** Requests one under the other, each a way to its page. */
export function RequestList({ requests }: { requests: RequestCard[] }) {
  return (
    <ul class="cards">
      {requests.map((request) => (
        <li key={request.id} class="card">
          <a class="whole" href={`/r/${request.id}`}>
            <bdi>{request.client.name}</bdi>
          </a>
          {request.reason && <Reason text={request.reason} />}
          <p class="quiet">
            <Status of={request.status} /> {timeOf(request)}
          </p>
        </li>
      ))}
    </ul>
  )
}

const timeOf = ({ status, requested_at, expires_at, settled_at }: RequestCard) =>
  status === 'pending'
    ? t('request.asked', { asked: when(requested_at), ends: when(expires_at) })
    : when(settled_at ?? expires_at)
