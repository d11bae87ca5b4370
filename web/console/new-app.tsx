import { useState } from 'preact/hooks'
import type { NewAppSecrets } from '../../src/api/contract.ts'
import { post } from '../ui/api.ts'
import { Heading } from '../ui/heading.tsx'
import { goTo } from '../ui/navigate.ts'
import { Shell } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'
import { AppForm, type AppTexts } from './app-form.tsx'
import { NewSecrets } from './new-secrets.tsx'
import './console.css'

/** A new app: what it is, then its secrets, this once, then the app itself. */
export function NewAppPage() {
  const [secrets, setSecrets] = useState<NewAppSecrets>()
  const create = async (texts: AppTexts, kind: string, mode: string) => {
    const given = Object.fromEntries(Object.entries(texts).filter(([, value]) => value))
    setSecrets(await post<NewAppSecrets>('/v1/me/apps', { ...given, kind, mode }))
  }
  return (
    <Shell isWide>
      <Heading title={t('new.title')} />
      {secrets ? (
        <NewSecrets secrets={secrets} onDone={() => goTo(`/apps/${secrets.client_id}`)} />
      ) : (
        <>
          <p class="lead">{t('new.lead')}</p>
          <AppForm action={t('apps.create')} save={create} />
          <p>
            <a href="/apps">{t('app.all')}</a>
          </p>
        </>
      )}
    </Shell>
  )
}
