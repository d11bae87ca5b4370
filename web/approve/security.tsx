import type { Me } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { remove } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'
import { BlockedApps } from './blocked-apps.tsx'
import { Passkeys } from './passkeys.tsx'
import { RecoveryCodes } from './recovery-codes.tsx'
import { Sessions } from './sessions.tsx'
import { UserCode } from './user-code.tsx'

export function SecurityPage() {
  const signOut = useAction(async () => {
    const { turnOff } = await import('../alerts/push.ts')
    await turnOff()
    await remove('/v1/session')
    // A new document, so that nothing of this user stays in memory.
    location.assign('/sign-in')
  })
  return (
    <Shell>
      <Heading title={t('security.title')} />
      <p class="lead">{t('security.lead')}</p>
      <p class="links">
        <a href="/alerts">{t('alerts.title')}</a>
        <a href="/links">{t('links.title')}</a>
      </p>
      <NewLink />
      <Passkeys />
      <RecoveryCodes />
      <UserCode />
      <BlockedApps />
      <Sessions />
      <section>
        <Failure error={signOut.error} />
        <Button isBusy={signOut.isBusy} onClick={signOut.run}>
          {t('security.signOut')}
        </Button>
      </section>
    </Shell>
  )
}

/** A link that is about to replace this user's passkeys: they may not have asked for it. */
function NewLink() {
  const me = useLoad<Me>('/v1/me')
  const callOff = useAction(async () => {
    await remove('/v1/me/enrolment')
    await me.reload()
  })
  const link = me.data?.new_link
  if (!link) return null
  return (
    <div class="warning" role="alert">
      <p>{t('security.newLink', { at: when(link.works_at) })}</p>
      <Failure error={callOff.error} />
      <Button kind="danger" isBusy={callOff.isBusy} onClick={callOff.run}>
        {t('security.newLink.callOff')}
      </Button>
    </div>
  )
}
