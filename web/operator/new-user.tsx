import { useId, useRef, useState } from 'preact/hooks'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Copy } from '../ui/copy.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'
import { useAct } from './act.ts'

const fields = ['handle', 'name', 'phone'] as const

/** Adds an account holder; their link is shown this once. */
export function NewUser({ onDone }: { onDone: () => Promise<unknown> }) {
  const form = useRef<HTMLFormElement>(null)
  const id = useId()
  const [link, setLink] = useState('')
  const add = useAct(async () => {
    if (!form.current) return
    const given = [...new FormData(form.current)].filter(([, text]) => String(text).trim() !== '')
    const { enrolment_url } = await post<{ enrolment_url: string }>(
      '/v1/admin/users',
      Object.fromEntries(given.map(([name, text]) => [name, String(text).trim()])),
    )
    form.current.reset()
    setLink(enrolment_url)
    await onDone()
  })
  const submit = (event: Event) => {
    event.preventDefault()
    add.run()
  }
  return (
    <details class="panel">
      <summary>{t('operator.users.add')}</summary>
      {link && (
        <div class="panel once" role="status">
          <p>{t('operator.link.lead')}</p>
          <Copy label={t('operator.link')} value={link} />
        </div>
      )}
      <form ref={form} onSubmit={submit}>
        {fields.map((name) => (
          <div key={name} class="field">
            <label for={`${id}-${name}`}>{t(`operator.users.${name}`)}</label>
            <p id={`${id}-${name}-help`} class="quiet">
              {t(`operator.users.${name}.help`)}
            </p>
            <input
              id={`${id}-${name}`}
              name={name}
              {...(name === 'phone' ? { type: 'tel' } : { type: 'text' })}
              required={name === 'handle'}
              maxLength={100}
              autocomplete="off"
              aria-describedby={`${id}-${name}-help`}
            />
          </div>
        ))}
        <Failure error={add.error} />
        <div class="single">
          <Button kind="primary" type="submit" isBusy={add.isBusy}>
            {t('operator.users.add')}
          </Button>
        </div>
      </form>
    </details>
  )
}
