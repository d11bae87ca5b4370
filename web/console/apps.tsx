import { useState } from 'preact/hooks'
import type { AppCard, NewAppSecrets } from '../../src/api/contract.ts'
import { post } from '../ui/api.ts'
import { FeedbackForm } from '../ui/feedback.tsx'
import { Heading } from '../ui/heading.tsx'
import { Loaded, useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'
import { AppForm, type AppTexts } from './app-form.tsx'
import { AppPanel } from './app-panel.tsx'
import { NewSecrets } from './new-secrets.tsx'

/** My apps: the programs of this user that may ask for access to the user's own account. */
export function AppsPage() {
  const apps = useLoad<{ apps: AppCard[] }>('/v1/me/apps')
  const [secrets, setSecrets] = useState<NewAppSecrets>()

  const create = async ({ name, ...rest }: AppTexts) => {
    const given = Object.fromEntries(Object.entries(rest).filter(([, text]) => text))
    setSecrets(await post<NewAppSecrets>('/v1/me/apps', { name, ...given }))
    await apps.reload()
  }

  return (
    <Shell isWide>
      <Heading title={t('apps.title')} />
      <p class="lead">{t('apps.lead')}</p>
      {secrets && <NewSecrets secrets={secrets} onDone={() => setSecrets(undefined)} />}
      <Loaded from={apps}>
        {({ apps: all }) => (
          <>
            {all.map((app) => (
              <AppPanel key={app.client_id} app={app} reload={apps.reload} onSecrets={setSecrets} />
            ))}
            {!secrets && (
              <details class="panel" open={all.length === 0}>
                <summary>{t('apps.new')}</summary>
                <AppForm action={t('apps.create')} save={create} />
              </details>
            )}
          </>
        )}
      </Loaded>
      <FeedbackForm />
    </Shell>
  )
}
