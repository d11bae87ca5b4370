import { useId, useState } from 'preact/hooks'
import type { SimulatedOutcome } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { patch, post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'

const outcomes = ['approve', 'reject', 'expire', 'ignore', 'block', 'notifier_fails'] as const

/** In test mode nobody is told: here their owner plays the person, for one request. */
export function SimulateOne({ url }: { url: string }) {
  const [outcome, setOutcome] = useState<SimulatedOutcome>('approve')
  const id = useId()
  // What comes of it is told by the server, like everything that happens to a request.
  const play = useAction(() => post(`${url}/simulate`, { outcome }))
  return (
    <div class="field">
      <label for={id}>{t('simulate.person')}</label>
      <div class="copy">
        <Outcomes id={id} value={outcome} onChange={(value) => setOutcome(value as SimulatedOutcome)} />
        <Button isBusy={play.isBusy} onClick={play.run}>
          {t('simulate.play')}
        </Button>
      </div>
      <Failure error={play.error} />
    </div>
  )
}

/** How every request of a test app is answered by itself. */
export function SimulateAll({ app, path, reload }: PartProps) {
  const id = useId()
  const [isSaved, setSaved] = useState(false)
  const change = useAction(async () => {
    await patch(path, { simulate: wanted || null })
    await reload()
    setSaved(true)
  })
  const [wanted, setWanted] = useState<string>(app.simulate ?? '')
  return (
    <section>
      <h2>{t('simulate.title')}</h2>
      <p>{t('simulate.lead')}</p>
      <div class="field">
        <label for={id}>{t('simulate.all')}</label>
        <div class="copy">
          <Outcomes
            id={id}
            value={wanted}
            nothing={t('simulate.none')}
            onChange={(value) => {
              setWanted(value)
              setSaved(false)
            }}
          />
          <Button isBusy={change.isBusy} onClick={change.run}>
            {t('simulate.save')}
          </Button>
        </div>
        <Failure error={change.error} />
        <p role="status">{isSaved && t('app.saved')}</p>
      </div>
    </section>
  )
}

interface OutcomesProps {
  id: string
  value: string
  /** The words for no outcome at all, if that may be chosen. */
  nothing?: string
  onChange: (value: string) => void
}

function Outcomes({ id, value, nothing, onChange }: OutcomesProps) {
  return (
    <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {nothing && <option value="">{nothing}</option>}
      {outcomes.map((each) => (
        <option key={each} value={each}>
          {t(`simulate.${each}`)}
        </option>
      ))}
    </select>
  )
}
