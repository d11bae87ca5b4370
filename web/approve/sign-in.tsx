import { useEffect, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { SignInWays } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { get, post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { replaceWith, safePath } from '../ui/navigate.ts'
import { usePasskeyFor } from '../ui/passkey.ts'
import { Porch } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'

export function SignInPage() {
  const { query } = useLocation()
  const to = safePath(query.to)
  const [ways, setWays] = useState<SignInWays>()
  // Once, and not kept fresh: there are no events for whoever is not signed in. The passkey works without it.
  useEffect(() => void get<SignInWays>('/v1/sign-in').then(setWays, () => {}), [])
  const signIn = useAction(async () => {
    const { options } = await post<{ options: Record<string, unknown> }>('/v1/session/options')
    await post('/v1/session', { credential: await usePasskeyFor(options) })
    replaceWith(to)
  })
  return (
    <Porch>
      <Heading title={t('signIn.title')} />
      <p class="lead">{t('signIn.lead')}</p>
      <Failure error={signIn.error ?? sorry(query.problem)} />
      <div class="single">
        <Button kind="primary" isBusy={signIn.isBusy} onClick={signIn.run}>
          {t('signIn.button')}
        </Button>
      </div>
      {ways?.provider && (
        <div class="single">
          <Button onClick={() => location.assign(`/v1/session/provider?to=${encodeURIComponent(to)}`)}>
            {t('signIn.provider', { host: ways.provider })}
          </Button>
        </div>
      )}
      <p class="quiet">{t('signIn.help')}</p>
      <p>
        <a href="/recover">{t('signIn.lost')}</a>
      </p>
    </Porch>
  )
}

/** Why the operator's provider did not let somebody in; the server names the reason in the address. */
function sorry(problem: string | undefined): Error | undefined {
  if (!problem) return undefined
  if (problem === 'provider_unknown_user') return new Error(t('signIn.problem.unknown'))
  if (problem === 'provider_unreachable') return new Error(t('signIn.problem.unreachable'))
  if (problem === 'user_disabled') return new Error(t('signIn.problem.disabled'))
  return new Error(t('signIn.problem.refused'))
}
