import type { AdminClientCard } from '../../src/api/contract.ts'
import { PagedList } from '../console/list.tsx'
import { post } from '../ui/api.ts'
import { focusHeading } from '../ui/heading.tsx'
import { t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import { AppFacts } from './app-facts.tsx'
import { Ask } from './ask.tsx'
import { Frame } from './frame.tsx'

/** Apps that want to ask many users, and wait for somebody to look at them. */
export function ReviewsPage() {
  const reviews = usePages<AdminClientCard>('/v1/admin/reviews', '', 'clients')
  const settle = (id: string, verdict: 'accept' | 'reject') => async (reason: string) => {
    await post(`/v1/admin/clients/${id}/review`, { verdict, ...(reason.trim() && { reason }) })
    await reviews.reload()
    focusHeading()
  }
  return (
    <Frame title={t('operator.reviews.title')} lead={t('operator.reviews.lead')}>
      <PagedList from={reviews} empty={<p>{t('operator.reviews.none')}</p>}>
        {(app) => (
          <>
            <AppFacts app={app} />
            <div class="actions">
              <Ask
                label={t('operator.reviews.reject')}
                of={app.name}
                kind="danger"
                title={t('operator.reviews.reject.title', { app: app.name })}
                text={t('operator.reviews.reject.text')}
                reason={t('operator.reviews.reason')}
                action={t('operator.reviews.reject')}
                onDone={settle(app.id, 'reject')}
              />
              <Ask
                label={t('operator.reviews.accept')}
                of={app.name}
                kind="primary"
                title={t('operator.reviews.accept.title', { app: app.name })}
                text={t('operator.reviews.accept.text')}
                action={t('operator.reviews.accept')}
                onDone={settle(app.id, 'accept')}
              />
            </div>
          </>
        )}
      </PagedList>
    </Frame>
  )
}
