import { useId, useState } from 'preact/hooks'
import { useAction } from '../ui/action.ts'
import { patch } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { rich, t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'

/** The key that what is sent is encrypted to, pasted as a JWK. */
export function EncryptionKey({ app, path, reload }: PartProps) {
  const id = useId()
  const [text, setText] = useState('')
  const change = async (encryption_key: object | null) => {
    await patch(path, { encryption_key })
    setText('')
    await reload()
  }
  const save = useAction(() => change(readKey(text)))
  const stop = useAction(() => change(null))
  const { encryption_key: key } = app
  return (
    <section>
      <h2>{t('key.title')}</h2>
      <p class="quiet">{t('key.help')}</p>
      <p role="status">
        {key ? rich('key.set', { kid: <code>{key.kid}</code>, alg: key.alg }) : t('key.none')}
      </p>
      {key && (
        <Button kind="danger" isBusy={stop.isBusy} onClick={stop.run}>
          {t('key.remove')}
        </Button>
      )}
      <div class="field">
        <label for={id}>{t('key.label')}</label>
        <textarea
          id={id}
          rows={5}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <Failure error={save.error ?? stop.error} />
      <Button isBusy={save.isBusy} isDisabled={text.trim() === ''} onClick={save.run}>
        {t('key.save')}
      </Button>
    </section>
  )
}

function readKey(text: string): object {
  try {
    const key: unknown = JSON.parse(text)
    if (typeof key === 'object' && key !== null) return key
  } catch {
    // Said below, in words for people.
  }
  throw new Error(t('key.wrong'))
}
