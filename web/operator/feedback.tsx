import type { FeedbackCard } from '../../src/api/contract.ts'
import { remove } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Skeleton } from '../ui/skeleton.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import { confirmed } from './act.ts'
import { Frame } from './frame.tsx'

/** What people wrote under the documents and the apps, the newest first. */
export function FeedbackPage() {
  const { items, error, reload, hasMore, more } = usePages<FeedbackCard>('/v1/admin/feedback', '', 'feedback')
  return (
    <Frame title={t('operator.feedback.title')} lead={t('operator.feedback.lead')}>
      <Failure error={error} retry={reload} />
      {!items && error === undefined && <Skeleton />}
      {items?.length === 0 && <p>{t('operator.feedback.none')}</p>}
      <ul class="cards">
        {items?.map((each) => (
          <One key={each.id} each={each} reload={reload} />
        ))}
      </ul>
      <Failure error={more.error} />
      {hasMore && (
        <Button isBusy={more.isBusy} onClick={more.run}>
          {t('operator.events.more')}
        </Button>
      )}
    </Frame>
  )
}

function One({ each, reload }: { each: FeedbackCard; reload: () => Promise<void> }) {
  const { id, user, page, text, contact, created_at, forwards } = each
  const from = [user?.handle ?? t('operator.feedback.reader'), contact].filter(Boolean).join(', ')
  return (
    <li class="card row">
      <div>
        <bdi class="name">{from}</bdi>
        <p class="quiet">
          {when(created_at)} · <code>{page}</code>
        </p>
        <blockquote>
          <bdi dir="auto">{text}</bdi>
        </blockquote>
        {forwards
          .filter(({ state }) => state === 'failed')
          .map(({ way, note }) => (
            <p key={way}>{t('operator.feedback.failed', { way, note: note ?? '' })}</p>
          ))}
      </div>
      <TakeAway
        label={t('action.remove')}
        of={from}
        title={t('operator.feedback.remove.title')}
        text={t('operator.feedback.remove.text')}
        action={t('action.remove')}
        work={() => confirmed(() => remove(`/v1/admin/feedback/${id}`))}
        onDone={reload}
      />
    </li>
  )
}
