import { useId, useRef } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { t } from '../ui/text.ts'

interface Props {
  /** What was wrong with the last one. */
  error?: unknown
  onCode: (code: string) => void
}

/** For a code that an app shows on another screen. */
export function CodeForm({ error, onCode }: Props) {
  const id = useId()
  const field = useRef<HTMLInputElement>(null)
  const submit = (event: Event) => {
    event.preventDefault()
    const code = field.current?.value.trim()
    if (code) onCode(code)
    else field.current?.focus()
  }
  return (
    <>
      <Heading title={t('linkCode.title')} />
      <p class="lead">{t('linkCode.lead')}</p>
      <Failure error={error} />
      <form onSubmit={submit}>
        <div class="field">
          <label for={id}>{t('linkCode.label')}</label>
          <input
            ref={field}
            id={id}
            class="code"
            type="text"
            autocomplete="one-time-code"
            autocapitalize="characters"
            spellcheck={false}
            maxLength={20}
            required
          />
        </div>
        <div class="single">
          <Button kind="primary" type="submit">
            {t('linkCode.button')}
          </Button>
        </div>
      </form>
      <p class="quiet">{t('linkCode.help')}</p>
    </>
  )
}
