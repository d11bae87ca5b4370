import { useEffect, useState } from 'preact/hooks'
import type { AppEvent } from '../../src/api/contract.ts'
import { patch, post } from '../ui/api.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { usePasskeyFor } from '../ui/passkey.ts'
import { Steps } from '../ui/steps.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { isText, t } from '../ui/text.ts'
import { AppForm, type AppTexts } from './app-form.tsx'
import type { PartProps } from './app-page.tsx'
import { Ciba } from './ciba.tsx'
import { IconField } from './icon-field.tsx'
import { SimulateAll } from './simulate.tsx'

/** What can be changed of an app. Where access goes is confirmed by passkey. */
export function Settings(props: PartProps) {
  const { app, path, reload } = props
  const [isSaved, setSaved] = useState(false)
  const [isAsking, setAsking] = useState(false)

  const save = async (form: AppTexts) => {
    setSaved(false)
    const { options } = await post<{ options: Record<string, unknown> | null }>(`${path}/confirm`, form)
    setAsking(options !== null)
    try {
      const credential = options ? { credential: await usePasskeyFor(options) } : {}
      await patch(path, { ...form, ...credential })
    } finally {
      setAsking(false)
    }
    await reload()
    setSaved(true)
  }

  if (app.deletes_at !== null) return <History app={app} path={path} />
  return (
    <>
      <section>
        <h2>{t('app.part.settings')}</h2>
        {app.kind === 'initiator' && <p>{t('app.resubmits')}</p>}
        <AppForm app={app} action={t('app.save')} save={save} />
        <p role="status">{isAsking ? t('confirm.needed') : isSaved && t('app.saved')}</p>
      </section>
      {app.mode === 'test' && <SimulateAll {...props} />}
      {app.kind === 'initiator' && <Ciba {...props} />}
      <IconField app={app} path={path} reload={reload} />
      <History app={app} path={path} />
      <section>
        <TakeAway
          label={t('app.delete')}
          title={t('app.delete.title', { app: app.name })}
          text={t('app.delete.text')}
          action={t('app.delete.action')}
          path={path}
          onDone={reload}
        />
      </section>
    </>
  )
}

/** What happened to the app itself: an owner finds here what they did not do. */
function History({ app, path }: Pick<PartProps, 'app' | 'path'>) {
  const history = useLoad<{ events: AppEvent[] }>(`${path}/history`)
  const { reload } = history
  // A change of the app is a line here.
  useEffect(() => void reload(), [app, reload])
  return (
    <details>
      <summary>{t('past.app')}</summary>
      <Loaded from={history}>
        {({ events }) => (
          <Steps steps={events.map(({ kind, at, detail }) => ({ words: wordsOf(kind), detail, at }))} />
        )}
      </Loaded>
    </details>
  )
}

function wordsOf(kind: string): string {
  const key = `past.${kind}`
  return isText(key) ? t(key as 'past.app_edited') : kind.replaceAll('_', ' ')
}
