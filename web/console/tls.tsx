import { useId, useRef } from 'preact/hooks'
import type { CertificateCard, NewTls } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { put } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'

const fields = ['certificate', 'private_key', 'ca'] as const

/** What we show to an endpoint that asks who we are, and whom we believe there. */
export function Tls({ app, path, reload }: PartProps) {
  const form = useRef<HTMLFormElement>(null)
  const save = useAction(async () => {
    if (!form.current) return
    const data = new FormData(form.current)
    const said = fields.map((field) => [field, String(data.get(field)).trim()]).filter(([, text]) => text)
    await put(`${path}/tls`, Object.fromEntries(said) as NewTls)
    form.current.reset()
    await reload()
  })
  const submit = (event: Event) => {
    event.preventDefault()
    void save.run()
  }
  return (
    <section>
      <h2>{t('tls.title')}</h2>
      <p>{t('tls.lead')}</p>
      {app.tls && (
        <>
          <ul class="cards">
            {app.tls.certificate && <Certificate card={app.tls.certificate} role={t('tls.shown')} />}
            {app.tls.authorities.map((each) => (
              <Certificate key={each.fingerprint} card={each} role={t('tls.trusted')} />
            ))}
          </ul>
          <TakeAway
            label={t('tls.remove')}
            title={t('tls.remove.title')}
            text={t('tls.remove.text')}
            action={t('tls.remove')}
            path={`${path}/tls`}
            onDone={reload}
          />
        </>
      )}
      <details>
        <summary>{app.tls ? t('tls.change') : t('tls.add')}</summary>
        <form ref={form} onSubmit={submit}>
          {fields.map((field) => (
            <Pem key={field} field={field} />
          ))}
          <Failure error={save.error} />
          <Button type="submit" isBusy={save.isBusy}>
            {t('tls.save')}
          </Button>
        </form>
      </details>
    </section>
  )
}

function Certificate({ card, role }: { card: CertificateCard; role: string }) {
  return (
    <li class="card">
      <bdi class="name">{card.subject}</bdi>
      <p class="quiet">{role}</p>
      <p class="quiet">{t('tls.ends', { at: when(card.expires_at) })}</p>
      <code>{card.fingerprint}</code>
    </li>
  )
}

function Pem({ field }: { field: (typeof fields)[number] }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{t(`tls.${field}`)}</label>
      <textarea
        id={id}
        name={field}
        rows={4}
        spellcheck={false}
        autocomplete="off"
        placeholder="-----BEGIN"
      />
    </div>
  )
}
