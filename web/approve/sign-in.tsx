import { useLocation } from 'preact-iso/router'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { replaceWith, safePath } from '../ui/navigate.ts'
import { usePasskeyFor } from '../ui/passkey.ts'
import { Porch } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'

export function SignInPage() {
  const { query } = useLocation()
  const signIn = useAction(async () => {
    const { options } = await post<{ options: Record<string, unknown> }>('/v1/session/options')
    await post('/v1/session', { credential: await usePasskeyFor(options) })
    replaceWith(safePath(query.to))
  })
  return (
    <Porch>
      <Heading title={t('signIn.title')} />
      <p class="lead">{t('signIn.lead')}</p>
      <Failure error={signIn.error} />
      <div class="single">
        <Button kind="primary" isBusy={signIn.isBusy} onClick={signIn.run}>
          {t('signIn.button')}
        </Button>
      </div>
      <p class="quiet">{t('signIn.help')}</p>
      <p>
        <a href="/recover">{t('signIn.lost')}</a>
      </p>
    </Porch>
  )
}
