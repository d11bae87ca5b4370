import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'

/** The secrets of an app by their first characters. Two may be live at once, so one can be replaced without a gap. */
export function AppSecrets({ app, path, reload, onSecrets }: PartProps) {
  const add = useAction(async () => {
    const { client_secret } = await post<{ client_secret: string }>(`${path}/secrets`)
    onSecrets({ client_id: app.client_id, client_secret })
    await reload()
  })
  return (
    <section>
      <h2>{t('secrets.client')}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('secrets.prefix')}</th>
            <th scope="col">{t('secrets.created')}</th>
            <th scope="col">{t('secrets.used')}</th>
            <th scope="col">
              <span class="unseen">{t('action.remove')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {app.secrets.map(({ id, prefix, created_at, last_used_at }) => (
            <tr key={id}>
              <td data-label={t('secrets.prefix')}>
                <code>{prefix}…</code>
              </td>
              <td data-label={t('secrets.created')}>{when(created_at)}</td>
              <td data-label={t('secrets.used')}>
                {last_used_at === null ? t('secrets.never') : when(last_used_at)}
              </td>
              <td>
                <TakeAway
                  label={t('action.remove')}
                  of={prefix}
                  title={t('secrets.remove.title')}
                  text={t('secrets.remove.text', { prefix })}
                  action={t('secrets.remove.action')}
                  path={`${path}/secrets/${id}`}
                  onDone={reload}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Failure error={add.error} />
      <Button isBusy={add.isBusy} onClick={add.run}>
        {t('secrets.add')}
        <span class="unseen"> {app.name}</span>
      </Button>
    </section>
  )
}
