import type { SigningSecretCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Copy } from '../ui/copy.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'

/** What signs the messages to an app: two of a kind while it changes over. */
export function SigningSecrets({ app, path, onSecrets }: PartProps) {
  const url = `${path}/signing-secrets`
  const secrets = useLoad<{ secrets: SigningSecretCard[] }>(url)
  const roll = useAction(async () => {
    const { signing_secret } = await post<{ signing_secret: string }>(url, { scheme: 'v1' })
    onSecrets({ client_id: app.client_id, signing_secret })
    await secrets.reload()
  })
  const rollPair = useAction(async () => {
    await post(url, { scheme: 'v1a' })
    await secrets.reload()
  })
  return (
    <section>
      <h2>{t('secrets.title.signing')}</h2>
      <p class="quiet">{t('secrets.roll.help')}</p>
      <Loaded from={secrets}>
        {({ secrets: all }) => (
          <ul class="cards">
            {all.map((secret) => (
              <li key={secret.id} class="card row">
                <OneSecret secret={secret} path={url} reload={secrets.reload} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <Failure error={roll.error ?? rollPair.error} />
      <div class="actions">
        <Button isBusy={roll.isBusy} onClick={roll.run}>
          {t('secrets.roll')}
        </Button>
        <Button isBusy={rollPair.isBusy} onClick={rollPair.run}>
          {t('secrets.rollPair')}
        </Button>
      </div>
    </section>
  )
}

function OneSecret(props: { secret: SigningSecretCard; path: string; reload: () => Promise<void> }) {
  const { id, scheme, shown, created_at, expires_at } = props.secret
  return (
    <>
      <div>
        {scheme === 'v1' ? <code>{shown}…</code> : <Copy label={t('secrets.public')} value={shown} />}
        <p class="quiet">
          {t('app.created', { at: when(created_at) })}{' '}
          {expires_at === null ? t('secrets.stays') : t('secrets.ends', { at: when(expires_at) })}
        </p>
      </div>
      {expires_at !== null && (
        <TakeAway
          label={t('secrets.end')}
          of={shown}
          title={t('secrets.end.title')}
          text={t('secrets.end.text', { prefix: shown.slice(0, 14) })}
          action={t('secrets.end')}
          path={`${props.path}/${id}`}
          onDone={props.reload}
        />
      )}
    </>
  )
}
