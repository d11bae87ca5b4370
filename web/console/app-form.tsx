import { useId, useRef } from 'preact/hooks'
import type { AppCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'

const fields = ['name', 'purpose', 'redirect_url', 'postback_url', 'notifier_url'] as const
type Field = (typeof fields)[number]

/** What an owner says of an app; an empty text takes a value back. */
export type AppTexts = Record<Field, string>

interface Props {
  app?: AppCard
  /** The words of the button. */
  action: string
  save: (texts: AppTexts) => Promise<unknown>
}

export function AppForm({ app, action, save }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const sending = useAction(async () => form.current && save(textsOf(form.current)))
  const submit = (event: Event) => {
    event.preventDefault()
    sending.run()
  }

  return (
    <form ref={form} onSubmit={submit}>
      {fields.map((field) => (
        <TextField key={field} field={field} value={app?.[field] ?? ''} />
      ))}
      <Failure error={sending.error} />
      <div class="single">
        <Button kind="primary" type="submit" isBusy={sending.isBusy}>
          {action}
        </Button>
      </div>
    </form>
  )
}

function textsOf(form: HTMLFormElement): AppTexts {
  const data = new FormData(form)
  return Object.fromEntries(fields.map((field) => [field, String(data.get(field)).trim()])) as AppTexts
}

/** One field, with a line on where its value is used: the names alone tell nothing to a newcomer. */
function TextField({ field, value }: { field: Field; value: string }) {
  const id = useId()
  const isUrl = field.endsWith('_url')
  return (
    <div class="field">
      <label for={id}>{t(`app.${field}`)}</label>
      <p id={`${id}-help`} class="quiet">
        {t(`app.${field}.help`)}
      </p>
      <input
        id={id}
        name={field}
        {...(isUrl ? { type: 'url' } : { type: 'text' })}
        defaultValue={value}
        required={field === 'name'}
        maxLength={isUrl ? 2048 : field === 'name' ? 80 : 280}
        autocomplete="off"
        spellcheck={!isUrl}
        aria-describedby={`${id}-help`}
      />
    </div>
  )
}
