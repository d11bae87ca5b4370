import type { ComponentChildren, ComponentProps } from 'preact'
import type { Approval, RequestDetail } from '../../src/api/contract.ts'
import { span, when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { Scopes } from '../ui/scopes.tsx'
import { rich, t } from '../ui/text.ts'
import { Destination } from './destination.tsx'
import { Details } from './details.tsx'
import { More } from './more.tsx'

interface Props {
  approval: Approval
  /** What came before; it is not part of what is signed. */
  history: Pick<RequestDetail, 'approvals_before' | 'last_approved_at'>
  /** Which of its details are kept back, and how another part of them is asked for. */
  part: Omit<ComponentProps<typeof Details>, 'details'>
}

/** The request as it is signed: who asks, what it gets, for how long, where it goes, why, and from where. */
export function Letter({ approval, history, part }: Props) {
  const {
    client_name,
    scopes,
    binding_message,
    reason,
    from,
    requested_at,
    token_expires_at,
    renewable_until,
  } = approval
  const details = approval.authorization_details
  return (
    <>
      <Heading title={t('request.title', { app: client_name })}>
        {rich('request.title', { app: <bdi class="app">{client_name}</bdi> })}
      </Heading>
      <p class="owner">{ownerOf(approval)}</p>
      <p class="lead">{t('request.lead')}</p>
      <dl class="letter">
        <Line label={t('request.what')}>
          {scopes.length ? <Scopes scopes={scopes} /> : t('request.fullAccess')}
        </Line>
        {details.length > 0 && (
          <Line label={t('request.details')}>
            <Details details={details} {...part} />
          </Line>
        )}
        {approval.resources.length > 0 && (
          <Line label={t('request.usedAt')}>
            {approval.resources.map((each) => (
              <p class="url" key={each}>
                <bdi>{each}</bdi>
              </p>
            ))}
          </Line>
        )}
        <Line label={t('request.howLong')}>
          {t('request.until', {
            ends: when(token_expires_at),
            length: span(token_expires_at - requested_at),
          })}
          {renewable_until !== null && (
            <Notable>{t('request.renewable', { ends: when(renewable_until) })}</Notable>
          )}
        </Line>
        <Line label={t('request.where')}>
          <Destination approval={approval} />
          <Moved at={approval.notifier_changed_at} lastApprovedAt={history.last_approved_at} />
        </Line>
        {binding_message !== null && (
          <Line label={t('request.message')}>
            <p class="message">
              <bdi dir="auto">{binding_message}</bdi>
            </p>
            <p class="quiet">{t('request.compare')}</p>
          </Line>
        )}
        <Line label={t('request.why')}>
          {reason ? (
            <>
              {t('request.appSays')}
              <blockquote>
                <bdi dir="auto">{reason}</bdi>
              </blockquote>
            </>
          ) : (
            t('request.noReason')
          )}
          {approval.request_context && <More said={approval.request_context} />}
        </Line>
        <Line label={t('request.from')}>
          {from ? rich('request.about', { address: <bdi>{from}</bdi> }) : t('request.fromUnknown')}
          <p class="quiet">{t('request.at', { at: when(requested_at) })}</p>
        </Line>
        <Line label={t('request.before')}>
          {history.approvals_before ? beforeOf(history) : <Notable>{t('request.never')}</Notable>}
        </Line>
      </dl>
    </>
  )
}

function Line({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function ownerOf({ client_kind, owner_name }: Approval) {
  if (client_kind === 'individual') return t('request.own')
  return owner_name === null
    ? t('request.ofOperator')
    : rich('request.runBy', { owner: <bdi>{owner_name}</bdi> })
}

/** Since they last said yes, what they get goes elsewhere: the mark of an app that was taken over. */
function Moved({ at, lastApprovedAt }: { at: number | null; lastApprovedAt: number | null }) {
  if (at === null || lastApprovedAt === null || at < lastApprovedAt) return null
  return <Notable>{t('request.moved', { at: when(at) })}</Notable>
}

/** Marked by a sign as well as by colour. */
function Notable({ children }: { children: ComponentChildren }) {
  return (
    <p class="notable">
      <span aria-hidden="true">▲</span> {children}
    </p>
  )
}

function beforeOf({ approvals_before: count, last_approved_at }: Props['history']) {
  return t('request.times', { count, last: last_approved_at === null ? '' : when(last_approved_at) })
}
