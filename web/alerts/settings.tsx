import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { NoticeSettingsCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { patch } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { now } from '../ui/clock.ts'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { chooseOwnLanguage, type Key, languages, ownLanguage, t } from '../ui/text.ts'

const PATH = '/v1/me/notice-settings'
const DAY_MS = 86_400_000

/** How this user wants to be told: in which order, when not at all, in which language. */
export function NoticeSettings() {
  const settings = useLoad<NoticeSettingsCard>(PATH)
  return (
    <section>
      <h2>{t('telling.title')}</h2>
      <Loaded from={settings}>{(card) => <Form card={card} reload={settings.reload} />}</Loaded>
    </section>
  )
}

function Form({ card, reload }: { card: NoticeSettingsCard; reload: () => Promise<void> }) {
  const [first, setFirst] = useState(card.channels.find((each) => FIRST.includes(each)) ?? 'webpush')
  const [quiet, setQuiet] = useState(card.quiet)
  const [language, setLanguage] = useState(ownLanguage() ?? '')
  const [isSaved, setSaved] = useState(false)

  const save = useAction(async () => {
    const channels = [first, ...card.channels.filter((each) => each !== first)]
    await patch(PATH, { channels, quiet, language: language || null })
    if (language !== (ownLanguage() ?? '')) {
      chooseOwnLanguage(language)
      // Every text of the page changes.
      return location.reload()
    }
    setSaved(true)
    await reload()
  })
  const submit = (event: Event) => {
    event.preventDefault()
    void save.run()
  }
  return (
    <>
      <Mute card={card} reload={reload} />
      <form onSubmit={submit} onInput={() => setSaved(false)}>
        <Choice label={t('telling.first')} value={first} onChange={setFirst}>
          {FIRST.map((each) => (
            <option key={each} value={each}>
              {t(`telling.channel.${each}` as Extract<Key, `telling.channel.${string}`>)}
            </option>
          ))}
        </Choice>
        <QuietHours quiet={quiet} onChange={setQuiet} />
        <Choice label={t('telling.language')} value={language} onChange={setLanguage}>
          <option value="">{t('telling.language.device')}</option>
          {languages().map(([code, name]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </Choice>
        <Failure error={save.error} />
        {isSaved && <p role="status">{t('telling.saved')}</p>}
        <Button type="submit" isBusy={save.isBusy}>
          {t('telling.save')}
        </Button>
      </form>
    </>
  )
}

const FIRST = ['webpush', 'whatsapp']

interface ChoiceProps {
  label: string
  value: string
  onChange: (value: string) => void
  children: ComponentChildren
}

function Choice({ label, value, onChange, children }: ChoiceProps) {
  return (
    <label class="field">
      <span class="name">{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {children}
      </select>
    </label>
  )
}

type Quiet = NoticeSettingsCard['quiet']

function QuietHours({ quiet, onChange }: { quiet: Quiet; onChange: (quiet: Quiet) => void }) {
  const usual = { from: '22:00', to: '07:00', zone: Intl.DateTimeFormat().resolvedOptions().timeZone }
  return (
    <fieldset>
      <legend>{t('telling.quiet')}</legend>
      <label class="check">
        <input
          type="checkbox"
          checked={quiet !== null}
          onChange={(event) => onChange(event.currentTarget.checked ? usual : null)}
        />
        {t('telling.quiet.on')}
      </label>
      {quiet && (
        <div class="pair">
          <TimeField
            label={t('telling.quiet.from')}
            value={quiet.from}
            onChange={(from) => onChange({ ...quiet, from })}
          />
          <TimeField
            label={t('telling.quiet.to')}
            value={quiet.to}
            onChange={(to) => onChange({ ...quiet, to })}
          />
        </div>
      )}
      <p class="quiet">{t('telling.quiet.help')}</p>
    </fieldset>
  )
}

function TimeField({ label, value, onChange }: Omit<ChoiceProps, 'children'>) {
  return (
    <label class="field">
      <span class="name">{label}</span>
      <input type="time" required value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  )
}

/** One press against all of it, one to take it back. */
function Mute({ card, reload }: { card: NoticeSettingsCard; reload: () => Promise<void> }) {
  const isMuted = card.muted_until !== null && card.muted_until > now()
  const change = useAction(async () => {
    await patch(PATH, { muted_until: isMuted ? null : now() + DAY_MS })
    await reload()
  })
  return (
    <div class="row">
      <p role="status">{isMuted ? t('mute.on', { until: when(card.muted_until ?? 0) }) : t('mute.off')}</p>
      <Failure error={change.error} />
      <Button isBusy={change.isBusy} onClick={change.run}>
        {isMuted ? t('mute.end') : t('mute.start')}
      </Button>
    </div>
  )
}
