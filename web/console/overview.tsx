import type { AppDay } from '../../src/api/contract.ts'
import { Copy } from '../ui/copy.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'
import { Chart } from './chart.tsx'
import { Notifier } from './notifier.tsx'

/** How an app goes: by what it is known, whether access can reach it, and how much it did. */
export function Overview({ app, path, reload }: PartProps) {
  const days = useLoad<{ days: AppDay[] }>(`${path}/days`)
  return (
    <>
      {app.purpose && (
        <p>
          <bdi>{app.purpose}</bdi>
        </p>
      )}
      <section>
        <h2>{t('app.id')}</h2>
        <Copy label={t('app.id')} value={app.client_id} />
      </section>
      {app.notifier ? (
        <section>
          <h2>{t('notifier.title')}</h2>
          <p class="url">
            <bdi>{app.notifier_url}</bdi>
          </p>
          {app.notifier_changed_at !== null && (
            <p class="quiet">{t('notifier.changed', { at: when(app.notifier_changed_at) })}</p>
          )}
          <Notifier app={app} notifier={app.notifier} path={path} reload={reload} />
        </section>
      ) : (
        app.kind === 'individual' && <p>{t('notifier.missing')}</p>
      )}
      <section>
        <h2>{t('chart.title')}</h2>
        <Loaded from={days}>{({ days: all }) => <Chart days={all} />}</Loaded>
      </section>
    </>
  )
}
