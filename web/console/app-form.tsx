import { useId, useRef } from 'preact/hooks'
import type { AppCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { span } from '../ui/format.ts'
import { t } from '../ui/text.ts'
import { UrlField } from './url-field.tsx'

const texts = ['name', 'purpose'] as const
const urls = ['redirect_url', 'postback_url', 'notifier_url'] as const

/** What an owner says of an app; an empty text takes a value back. */
export type AppTexts = Record<(typeof texts)[number] | (typeof urls)[number], string> & {
  token_life: number | null
}

interface Props {
  app?: AppCard
  /** The words of the button. */
  action: string
  save: (form: AppTexts, kind: string, mode: string) => Promise<unknown>
}

export function AppForm({ app, action, save }: Props) {
  const form = useRef<HTMLFormElement>(null)
  const sending = useAction(async () => {
    if (!form.current) return
    const data = new FormData(form.current)
    const [kind, mode] = [data.get('kind') ?? 'individual', data.get('mode') ?? 'live']
    await save(textsOf(data), String(kind), String(mode))
  })
  const submit = (event: Event) => {
    event.preventDefault()
    sending.run()
  }

  return (
    <form ref={form} onSubmit={submit}>
      {texts.map((field) => (
        <TextField key={field} field={field} value={app?.[field] ?? ''} />
      ))}
      {!app && <Kind />}
      {!app && <Mode />}
      {urls.map((field) => (
        <UrlField key={field} field={field} value={app?.[field] ?? ''} />
      ))}
      <TokenLife value={app?.token_life ?? null} />
      <Failure error={sending.error} />
      <div class="single">
        <Button kind="primary" type="submit" isBusy={sending.isBusy}>
          {action}
        </Button>
      </div>
    </form>
  )
}

function textsOf(data: FormData): AppTexts {
  const said = [...texts, ...urls].map((field) => [field, String(data.get(field)).trim()])
  const life = Number(data.get('token_life'))
  return { ...Object.fromEntries(said), token_life: life || null } as AppTexts
}

/** One field, with a line on where its value is used: the names alone tell nothing to a newcomer. */
function TextField({ field, value }: { field: (typeof texts)[number]; value: string }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{t(`app.${field}`)}</label>
      <p id={`${id}-help`} class="quiet">
        {t(`app.${field}.help`)}
      </p>
      <input
        id={id}
        name={field}
        type="text"
        defaultValue={value}
        required={field === 'name'}
        maxLength={field === 'name' ? 80 : 280}
        autocomplete="off"
        aria-describedby={`${id}-help`}
      />
    </div>
  )
}

function Kind() {
  return (
    <fieldset>
      <legend>{t('new.kind')}</legend>
      {(['individual', 'initiator'] as const).map((kind) => (
        <label key={kind} class="choice">
          <input type="radio" name="kind" value={kind} defaultChecked={kind === 'individual'} />{' '}
          {t(`new.kind.${kind}`)}
        </label>
      ))}
    </fieldset>
  )
}

/** The mode is never changed: another app is made for the real thing. */
function Mode() {
  return (
    <label class="choice">
      <input type="checkbox" name="mode" value="test" /> {t('new.test')}
    </label>
  )
}

/** Seconds. */
const lives = [900, 3_600, 14_400, 28_800] as const

function TokenLife({ value }: { value: number | null }) {
  const id = useId()
  const offered = value === null || lives.some((each) => each === value) ? lives : [...lives, value]
  return (
    <div class="field">
      <label for={id}>{t('token_life.label')}</label>
      <p id={`${id}-help`} class="quiet">
        {t('token_life.help')}
      </p>
      <select id={id} name="token_life" aria-describedby={`${id}-help`}>
        <option value="" selected={value === null}>
          {t('token_life.server')}
        </option>
        {offered.map((seconds) => (
          <option key={seconds} value={seconds} selected={value === seconds}>
            {span(seconds * 1_000)}
          </option>
        ))}
      </select>
    </div>
  )
}
