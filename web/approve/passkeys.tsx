import type { PasskeyCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { deviceName } from '../ui/device.ts'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { createPasskey, usePasskeyFor } from '../ui/passkey.ts'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'

export function Passkeys() {
  const passkeys = useLoad<{ passkeys: PasskeyCard[] }>('/v1/me/passkeys')
  const add = useAction(async () => {
    const options = await begin().catch(async (error: unknown) => {
      if (!(error instanceof ApiProblem) || error.problem.code !== 'confirm_first') throw error
      // An open page alone may not bring a passkey in: one of the account is shown first.
      await confirmPresence()
      return begin()
    })
    const credential = await createPasskey(options)
    await post('/v1/me/passkeys', { credential, label: deviceName(navigator.userAgent) })
    await passkeys.reload()
  })
  return (
    <section>
      <h2>{t('passkeys.title')}</h2>
      <p>{t('passkeys.lead')}</p>
      <Loaded from={passkeys}>
        {({ passkeys: all }) => (
          <ul class="cards">
            {all.map((passkey) => (
              <Passkey key={passkey.id} passkey={passkey} reload={passkeys.reload} />
            ))}
          </ul>
        )}
      </Loaded>
      <Failure error={add.error} />
      <Button isBusy={add.isBusy} onClick={add.run}>
        {t('passkeys.add')}
      </Button>
    </section>
  )
}

const begin = () => optionsOf('/v1/me/passkeys/options')

async function confirmPresence() {
  const credential = await usePasskeyFor(await optionsOf('/v1/session/confirm/options'))
  await post('/v1/session/confirm', { credential })
}

const optionsOf = async (path: string) => (await post<{ options: Record<string, unknown> }>(path)).options

function Passkey({ passkey, reload }: { passkey: PasskeyCard; reload: () => Promise<void> }) {
  const { id, label, created_at, last_used_at, synced } = passkey
  return (
    <li class="card row">
      <div>
        <bdi class="name">{label}</bdi>
        <p class="quiet">{synced ? t('passkeys.synced') : t('passkeys.single')}</p>
        <p class="quiet">
          {last_used_at === null
            ? t('passkeys.unused', { created: when(created_at) })
            : t('passkeys.used', { created: when(created_at), used: when(last_used_at) })}
        </p>
      </div>
      <TakeAway
        label={t('action.remove')}
        of={label}
        title={t('passkeys.remove.title')}
        text={t('passkeys.remove.text', { label })}
        action={t('passkeys.remove.action')}
        path={`/v1/me/passkeys/${id}`}
        onDone={reload}
      />
    </li>
  )
}
