import { useState } from 'preact/hooks'
import type { AppCard, NotifierCard, TrialCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { t } from '../ui/text.ts'

interface Props {
  app: AppCard
  notifier: NotifierCard
  path: string
  reload: () => Promise<void>
}

/** Whether access can be sent where the app wants it, why not, and two ways to find out. */
export function Notifier({ app, notifier: { state, note }, path, reload }: Props) {
  const [trial, setTrial] = useState<TrialCard>()
  const check = useAction(async () => {
    await post(`${path}/check-notifier`)
    await reload()
  })
  const test = useAction(async () => setTrial(await post<TrialCard>(`${path}/test-delivery`)))
  return (
    <div class="app-state">
      <p role="status">{t(`notifier.${state}`)}</p>
      {note && <p>{note}</p>}
      {state !== 'proven' && (
        <Button isBusy={check.isBusy} onClick={check.run}>
          {t('notifier.check')}
          <span class="unseen"> {app.name}</span>
        </Button>
      )}
      <Button isBusy={test.isBusy} onClick={test.run}>
        {t('notifier.test')}
        <span class="unseen"> {app.name}</span>
      </Button>
      <p role="status">{trial && outcome(trial)}</p>
      <Failure error={check.error ?? test.error} />
    </div>
  )
}

const outcome = ({ status, ms, detail }: TrialCard) =>
  detail ?? t('notifier.taken', { status: String(status), ms: String(ms) })
