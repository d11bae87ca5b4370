import { useId, useRef, useState } from 'preact/hooks'
import type { InitiatorCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post, put } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { usePasskeyFor } from '../ui/passkey.ts'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'
import { CibaMore, moreTerms } from './ciba-more.tsx'

const modes = ['poll', 'ping', 'push'] as const

/** How an app that asks many users gets its results, and what it may ask for. */
export function Ciba({ app, path, reload }: PartProps) {
  const known = app.ciba
  const [mode, setMode] = useState<InitiatorCard['backchannel_token_delivery_mode']>(
    known?.backchannel_token_delivery_mode ?? 'poll',
  )
  const [url, setUrl] = useState(known?.backchannel_client_notification_endpoint ?? '')
  const [scope, setScope] = useState(known?.scope ?? 'openid')
  const [isSaved, setSaved] = useState(false)
  const id = useId()

  const form = useRef<HTMLFormElement>(null)

  const save = useAction(async () => {
    if (!form.current) return
    const terms = {
      backchannel_token_delivery_mode: mode,
      backchannel_client_notification_endpoint: mode === 'poll' ? null : url,
      scope,
      ...moreTerms(new FormData(form.current)),
    }
    const { options } = await post<{ options: Record<string, unknown> | null }>(`${path}/ciba/confirm`, terms)
    const credential = options ? { credential: await usePasskeyFor(options) } : {}
    await put(`${path}/ciba`, { ...terms, ...credential })
    await reload()
    setSaved(true)
  })
  const submit = (event: Event) => {
    event.preventDefault()
    void save.run()
  }

  return (
    <section>
      <h2>{t('ciba.title')}</h2>
      <form ref={form} onSubmit={submit} onInput={() => setSaved(false)}>
        <fieldset>
          <legend>{t('ciba.mode')}</legend>
          {modes.map((each) => (
            <label key={each} class="choice">
              <input type="radio" name="mode" checked={mode === each} onChange={() => setMode(each)} />{' '}
              {t(`ciba.mode.${each}`)}
            </label>
          ))}
        </fieldset>
        {mode !== 'poll' && (
          <div class="field">
            <label for={`${id}-url`}>{t('ciba.url')}</label>
            <p id={`${id}-url-help`} class="quiet">
              {t('ciba.url.help')}
            </p>
            <input
              id={`${id}-url`}
              type="url"
              required
              value={url}
              autocomplete="off"
              aria-describedby={`${id}-url-help`}
              onInput={(event) => setUrl(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="field">
          <label for={`${id}-scope`}>{t('ciba.scope')}</label>
          <p id={`${id}-scope-help`} class="quiet">
            {t('ciba.scope.help')}
          </p>
          <input
            id={`${id}-scope`}
            type="text"
            required
            value={scope}
            autocomplete="off"
            aria-describedby={`${id}-scope-help`}
            onInput={(event) => setScope(event.currentTarget.value)}
          />
        </div>
        <CibaMore known={known} />
        <Failure error={save.error} />
        <p role="status">{isSaved && t('app.saved')}</p>
        <Button type="submit" isBusy={save.isBusy}>
          {t('ciba.save')}
        </Button>
      </form>
    </section>
  )
}
