import type { AppCard } from '../../src/api/contract.ts'
import { FeedbackForm } from '../ui/feedback.tsx'
import { when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { Loaded, useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'
import { AppIcon } from './icon.tsx'
import { stateOf } from './state.ts'
import './console.css'

/** My apps: the programs of this user that may ask. */
export function AppsPage() {
  const apps = useLoad<{ apps: AppCard[] }>('/v1/me/apps')
  return (
    <Shell isWide>
      <Heading title={t('apps.title')} />
      <Loaded from={apps}>
        {({ apps: all }) => (
          <>
            <p class="lead">{all.length ? t('apps.lead') : t('apps.empty')}</p>
            {all.length === 0 && <p>{t('apps.emptyNext')}</p>}
            <ul class="cards">
              {all.map((app) => (
                <li key={app.client_id} class="card app-card">
                  <AppIcon app={app} />
                  <div>
                    <a class="whole" href={`/apps/${app.client_id}`}>
                      <bdi>{app.name}</bdi>
                    </a>
                    <p class="quiet">
                      {stateOf(app)} {t('app.created', { at: when(app.created_at) })}
                    </p>
                  </div>
                </li>
              ))}
            </ul>
            <p>
              <a class="button primary" href="/apps/new">
                {t('apps.new')}
              </a>
            </p>
          </>
        )}
      </Loaded>
      <FeedbackForm />
    </Shell>
  )
}
