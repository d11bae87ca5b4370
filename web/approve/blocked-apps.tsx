import type { BlockedApp } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { remove } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'

/** Apps that this user has reported. Most users have none, and see nothing of it. */
export function BlockedApps() {
  const blocked = useLoad<{ apps: BlockedApp[] }>('/v1/me/blocked-apps')
  if (!blocked.data?.apps.length) return null
  return (
    <section>
      <h2>{t('blocked.title')}</h2>
      <p>{t('blocked.lead')}</p>
      <ul class="cards">
        {blocked.data.apps.map((app) => (
          <Blocked key={app.client.id} app={app} reload={blocked.reload} />
        ))}
      </ul>
    </section>
  )
}

function Blocked({ app: { client, blocked_at }, reload }: { app: BlockedApp; reload: () => Promise<void> }) {
  const unblock = useAction(async () => {
    await remove(`/v1/me/blocked-apps/${client.id}`)
    await reload()
  })
  return (
    <li class="card row">
      <div>
        <bdi class="name">{client.name}</bdi>
        <p class="quiet">{t('blocked.since', { at: when(blocked_at) })}</p>
        <Failure error={unblock.error} />
      </div>
      <Button isBusy={unblock.isBusy} onClick={unblock.run}>
        {t('blocked.undo')}
        <span class="unseen"> {client.name}</span>
      </Button>
    </li>
  )
}
