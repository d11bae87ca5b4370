import { useEffect, useState } from 'preact/hooks'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'
import { Contacts } from './contacts.tsx'
import { Guide, type Step } from './guide.tsx'
import { BellPicture, HomePicture, LockPicture, PlusPicture, SharePicture } from './pictures.tsx'
import { type AlertState, alertState, turnOff, turnOn } from './push.ts'
import { NoticeSettings } from './settings.tsx'

/** Turns on that this device tells of requests, or says what stands in the way. */
export function AlertsPage() {
  const [state, setState] = useState<AlertState>()
  const look = useAction(async () => setState(await alertState()))
  useEffect(() => {
    void look.run()
    // Whoever goes to the settings and comes back finds the page as it is then.
    const onReturn = () => document.visibilityState === 'visible' && look.run()
    document.addEventListener('visibilitychange', onReturn)
    return () => document.removeEventListener('visibilitychange', onReturn)
  }, [])

  return (
    <Shell>
      <Heading title={t('alerts.title')} />
      <section>
        <h2>{t('alerts.device')}</h2>
        <Failure error={look.error} retry={look.run} />
        {state === undefined ? <Skeleton /> : <Answer state={state} onChange={setState} />}
      </section>
      <Contacts key={state} />
      <NoticeSettings />
    </Shell>
  )
}

function Answer({ state, onChange }: { state: AlertState; onChange: (state: AlertState) => void }) {
  if (state === 'on') return <On onChange={onChange} />
  if (state === 'off' || state === 'lost') return <Off isLost={state === 'lost'} onChange={onChange} />
  if (state === 'needs-install') return <Guide lead={t('alerts.install.lead')} steps={installSteps()} />
  if (state === 'blocked') return <Guide lead={t('alerts.blocked.lead')} steps={unblockSteps()} />
  return <p class="lead">{t('alerts.unsupported')}</p>
}

function On({ onChange }: { onChange: (state: AlertState) => void }) {
  const [isTested, setTested] = useState(false)
  const test = useAction(async () => {
    await post('/v1/me/test-request')
    setTested(true)
  })
  const off = useAction(async () => onChange(await turnOff()))
  return (
    <>
      <p class="lead" role="status">
        {t('alerts.on')}
      </p>
      <Failure error={test.error ?? off.error} />
      {isTested && <p role="status">{t('alerts.tested')}</p>}
      <div class="pair">
        <Button isBusy={off.isBusy} onClick={off.run}>
          {t('alerts.turnOff')}
        </Button>
        <Button isBusy={test.isBusy} onClick={test.run}>
          {t('alerts.test')}
        </Button>
      </div>
    </>
  )
}

function Off({ isLost, onChange }: { isLost: boolean; onChange: (state: AlertState) => void }) {
  const on = useAction(async () => onChange(await turnOn()))
  return (
    <>
      <p class="lead">{isLost ? t('alerts.lost') : t('alerts.off')}</p>
      <p>{t('alerts.what')}</p>
      <Failure error={on.error} />
      <div class="single">
        <Button kind="primary" isBusy={on.isBusy} onClick={on.run}>
          {t('alerts.turnOn')}
        </Button>
      </div>
    </>
  )
}

const installSteps = (): Step[] => [
  { picture: <SharePicture />, text: t('alerts.install.share') },
  { picture: <PlusPicture />, text: t('alerts.install.add') },
  { picture: <HomePicture />, text: t('alerts.install.open') },
]

const unblockSteps = (): Step[] =>
  /Android/.test(navigator.userAgent)
    ? [
        { picture: <LockPicture />, text: t('alerts.blocked.android.site') },
        { picture: <BellPicture />, text: t('alerts.blocked.allow') },
      ]
    : /iPhone|iPad/.test(navigator.userAgent)
      ? [{ picture: <BellPicture />, text: t('alerts.blocked.iphone') }]
      : [
          { picture: <LockPicture />, text: t('alerts.blocked.desktop.site') },
          { picture: <BellPicture />, text: t('alerts.blocked.allow') },
        ]
