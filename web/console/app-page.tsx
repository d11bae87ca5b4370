import { useEffect, useState } from 'preact/hooks'
import { useRoute } from 'preact-iso/router'
import type { AppCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { readAgainSoon } from '../ui/live.ts'
import { useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { rich, t } from '../ui/text.ts'
import { Asked } from './asked.tsx'
import { Deliveries } from './deliveries.tsx'
import { AppIcon } from './icon.tsx'
import { Keys } from './keys.tsx'
import { NewSecrets, type ShownOnce } from './new-secrets.tsx'
import { Overview } from './overview.tsx'
import { Settings } from './settings.tsx'
import { stateOf } from './state.ts'
import './console.css'

const parts = ['overview', 'requests', 'deliveries', 'keys', 'settings'] as const
type Part = (typeof parts)[number]

export interface PartProps {
  app: AppCard
  /** The app's own address in the API. */
  path: string
  reload: () => Promise<void>
  onSecrets: (secrets: ShownOnce) => void
}

export function AppPage() {
  const { id = '', part } = useRoute().params
  const isKnown = (parts as readonly string[]).includes(part ?? '')
  return (
    <Shell isWide>
      <OneApp key={id} id={id} part={isKnown ? (part as Part) : 'overview'} />
    </Shell>
  )
}

/** One app, in parts: how it goes, what it asked, what was sent, and what can be changed. */
function OneApp({ id, part }: { id: string; part: Part }) {
  const path = `/v1/me/apps/${id}`
  const { data: app, error, reload } = useLoad<AppCard>(path)
  const [secrets, setSecrets] = useState<ShownOnce>()
  // What such apps ask is no request of their owner, whose own events do not tell of it.
  const isOfOthers = app?.kind === 'initiator' || app?.mode === 'test'
  useEffect(() => (isOfOthers ? follow(`${path}/events`) : undefined), [path, isOfOthers])

  if (!app) {
    if (error === undefined) return <Skeleton />
    return (
      <>
        <Heading title={t('app.missing')} />
        <Failure error={error} retry={reload} />
        <p>
          <a href="/apps">{t('app.all')}</a>
        </p>
      </>
    )
  }
  const props: PartProps = { app, path, reload, onSecrets: setSecrets }
  return (
    <>
      <div class="app-head">
        <AppIcon app={app} />
        <Heading title={app.name}>
          <bdi class="app">{app.name}</bdi>
        </Heading>
      </div>
      <State {...props} />
      <nav class="parts" aria-label={t('app.parts')}>
        {parts.map((each) => (
          <a
            key={each}
            href={each === 'overview' ? `/apps/${id}` : `/apps/${id}/${each}`}
            {...(each === part && { 'aria-current': 'page' })}
          >
            {t(`app.part.${each}`)}
          </a>
        ))}
      </nav>
      {secrets && <NewSecrets secrets={secrets} onDone={() => setSecrets(undefined)} />}
      {part === 'overview' && <Overview {...props} />}
      {part === 'requests' && <Asked {...props} />}
      {part === 'deliveries' && <Deliveries {...props} />}
      {part === 'keys' && <Keys {...props} />}
      {part === 'settings' && <Settings {...props} />}
    </>
  )
}

/** An app for many users asks others than its owner, so the owner's own stream of events tells nothing of it. */
function follow(url: string) {
  const source = new EventSource(url)
  source.addEventListener('request', readAgainSoon)
  return () => source.close()
}

/** What the app can do now, why not, and what to do about it. */
function State({ app, path, reload }: PartProps) {
  const restore = useAction(async () => {
    await post(`${path}/restore`)
    await reload()
  })
  return (
    <div class="app-state">
      <p class="lead">{stateOf(app)}</p>
      {app.deletes_at !== null && (
        <>
          <Failure error={restore.error} />
          <Button isBusy={restore.isBusy} onClick={restore.run}>
            {t('app.deleted.undo')}
          </Button>
        </>
      )}
      {app.state === 'under_review' && <p>{t('app.reviewNote')}</p>}
      {app.state === 'rejected' && app.review?.note && (
        <>
          <p>{rich('app.turnedDown', { note: <bdi>{app.review.note}</bdi> })}</p>
          <p>{t('app.turnedDown.again')}</p>
        </>
      )}
    </div>
  )
}
