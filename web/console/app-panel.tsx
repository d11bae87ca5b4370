import { useState } from 'preact/hooks'
import type { AppCard, NewAppSecrets } from '../../src/api/contract.ts'
import { patch } from '../ui/api.ts'
import { Copy } from '../ui/copy.tsx'
import { when } from '../ui/format.ts'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import { AppForm, type AppTexts } from './app-form.tsx'
import { AppSecrets } from './app-secrets.tsx'
import { Notifier } from './notifier.tsx'

interface Props {
  app: AppCard
  reload: () => Promise<void>
  onSecrets: (secrets: NewAppSecrets) => void
}

/** One app: what it is, where its results go, its secrets, and the ways to change it. */
export function AppPanel({ app, reload, onSecrets }: Props) {
  const path = `/v1/me/apps/${app.client_id}`
  const [isSaved, setSaved] = useState(false)

  const save = async (texts: AppTexts) => {
    setSaved(false)
    await patch(path, texts)
    await reload()
    setSaved(true)
  }

  return (
    <section class="panel">
      <h2>
        <bdi>{app.name}</bdi>
      </h2>
      <p class="quiet">
        {app.deletes_at === null
          ? t(`app.state.${app.state}`)
          : t('app.deleting', { at: when(app.deletes_at) })}{' '}
        {t('app.created', { at: when(app.created_at) })}
      </p>
      {app.purpose && (
        <p>
          <bdi>{app.purpose}</bdi>
        </p>
      )}
      <h3>{t('app.id')}</h3>
      <Copy label={t('app.id')} value={app.client_id} />
      <Addresses app={app} />
      {app.notifier && <Notifier app={app} notifier={app.notifier} path={path} reload={reload} />}
      <AppSecrets app={app} path={path} reload={reload} onSecrets={onSecrets} />
      <details>
        <summary>{t('app.edit')}</summary>
        <AppForm app={app} action={t('app.save')} save={save} />
        <p role="status">{isSaved && t('app.saved')}</p>
      </details>
      <TakeAway
        label={t('app.delete')}
        of={app.name}
        title={t('app.delete.title', { app: app.name })}
        text={t('app.delete.text')}
        action={t('app.delete.action')}
        path={path}
        onDone={reload}
      />
    </section>
  )
}

function Addresses({ app }: { app: AppCard }) {
  return (
    <dl class="addresses">
      {(['redirect_url', 'postback_url', 'notifier_url'] as const).map((field) => (
        <div key={field}>
          <dt>{t(`app.${field}`)}</dt>
          {app[field] ? (
            <dd class="url">
              <bdi>{app[field]}</bdi>
            </dd>
          ) : (
            <dd class="quiet">{t('app.none')}</dd>
          )}
        </div>
      ))}
    </dl>
  )
}
