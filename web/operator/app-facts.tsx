import type { AdminClientCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { t } from '../ui/text.ts'
import { CibaFacts } from './ciba-facts.tsx'

/** What an app says of itself, whose it is, and when it was last used. */
export function AppFacts({ app }: { app: AdminClientCard }) {
  const { owner, last_used_at } = app
  return (
    <>
      <h2>
        <bdi>{app.name}</bdi>
      </h2>
      <p>{t(`operator.appState.${app.state}`)}</p>
      {app.purpose && (
        <p>
          <bdi>{app.purpose}</bdi>
        </p>
      )}
      <dl class="facts">
        <div>
          <dt>{t('operator.apps.owner')}</dt>
          <dd>
            {owner ? (
              <a href={`/operator/users/${encodeURIComponent(owner.id)}`}>{owner.name ?? owner.handle}</a>
            ) : (
              t('operator.apps.noOwner')
            )}
          </dd>
        </div>
        {app.notifier_url && (
          <div>
            <dt>{t('operator.apps.sentTo')}</dt>
            <dd class="url">
              <bdi>{app.notifier_url}</bdi>
            </dd>
          </div>
        )}
        {app.review_note && (
          <div>
            <dt>{t('operator.apps.note')}</dt>
            <dd>
              <bdi>{app.review_note}</bdi>
            </dd>
          </div>
        )}
        <div>
          <dt>{t('operator.apps.lastUsed')}</dt>
          <dd>{last_used_at === null ? t('operator.never') : when(last_used_at)}</dd>
        </div>
      </dl>
      {app.ciba && <CibaFacts ciba={app.ciba} />}
      <p class="quiet">
        <code>{app.id}</code>
      </p>
    </>
  )
}
