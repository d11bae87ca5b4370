import { useId, useRef } from 'preact/hooks'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { deviceName } from '../ui/device.ts'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { replaceWith } from '../ui/navigate.ts'
import { createPasskey } from '../ui/passkey.ts'
import { Porch } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'

/** A new passkey for whoever has lost theirs, by one of their recovery codes. */
export function RecoverPage() {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const recover = useAction(async () => {
    const code = input.current?.value.trim() ?? ''
    if (!code) return input.current?.focus()
    const { options } = await post<{ options: Record<string, unknown> }>('/v1/recovery/options', { code })
    const credential = await createPasskey(options)
    await post('/v1/recovery', { code, credential, label: deviceName(navigator.userAgent) })
    // There they see what else can approve in their name, and remove what they have lost.
    replaceWith('/security')
  })
  const submit = (event: Event) => {
    event.preventDefault()
    recover.run()
  }
  return (
    <Porch>
      <Heading title={t('recover.title')} />
      <p class="lead">{t('recover.lead')}</p>
      <form onSubmit={submit}>
        <div class="field">
          <label for={id}>{t('recover.code')}</label>
          <p id={`${id}-help`} class="quiet">
            {t('recover.codeHelp')}
          </p>
          <input
            ref={input}
            id={id}
            name="code"
            type="text"
            required
            maxLength={100}
            autocomplete="one-time-code"
            autocapitalize="characters"
            spellcheck={false}
            aria-describedby={`${id}-help`}
          />
        </div>
        <Failure error={recover.error} />
        <div class="single">
          <Button kind="primary" type="submit" isBusy={recover.isBusy}>
            {t('recover.button')}
          </Button>
        </div>
      </form>
      <p class="quiet">{t('recover.told')}</p>
      <p>{t('recover.noCode')}</p>
      <p>
        <a href="/sign-in">{t('recover.signIn')}</a>
      </p>
    </Porch>
  )
}
