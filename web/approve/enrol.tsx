import { useEffect, useState } from 'preact/hooks'
import type { EnrolmentOptions } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { deviceName } from '../ui/device.ts'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { replaceWith } from '../ui/navigate.ts'
import { createPasskey } from '../ui/passkey.ts'
import { Porch } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'

/** The first passkey, by the link that the operator sent. */
export function EnrolPage() {
  const [token] = useState(takeToken)
  const [enrolment, setEnrolment] = useState<EnrolmentOptions>()
  const load = useAction(async () =>
    setEnrolment(await post<EnrolmentOptions>('/v1/enrolment/options', { token })),
  )
  useEffect(() => {
    if (token) load.run()
    // Another link opened in the same tab changes only the part after the #.
    const startOver = () => location.reload()
    addEventListener('hashchange', startOver)
    return () => removeEventListener('hashchange', startOver)
  }, [token])

  return (
    <Porch>
      {!token || isDead(load.error) ? (
        <DeadLink />
      ) : enrolment ? (
        <FirstPasskey token={token} enrolment={enrolment} />
      ) : (
        <>
          <Heading title={t('enrol.title')} />
          {load.error === undefined ? <Skeleton /> : <Failure error={load.error} retry={load.run} />}
        </>
      )}
    </Porch>
  )
}

const isDead = (error: unknown) => error instanceof ApiProblem && error.problem.code === 'enrolment_invalid'

/** The token leaves the address bar, the history and every screenshot as soon as it is read. */
function takeToken() {
  const token = location.hash.slice(1)
  history.replaceState(null, '', location.pathname)
  return token
}

function FirstPasskey({ token, enrolment }: { token: string; enrolment: EnrolmentOptions }) {
  const { user, options } = enrolment
  const create = useAction(async () => {
    const credential = await createPasskey(options)
    await post('/v1/enrolment', { token, credential, label: deviceName(navigator.userAgent) })
    replaceWith('/')
  })
  return (
    <>
      <Heading title={t('enrol.title')} />
      <p class="lead">{t('enrol.lead', { name: user.name ?? user.handle })}</p>
      <p>{t('enrol.what')}</p>
      <Failure error={create.error} />
      <div class="single">
        <Button kind="primary" isBusy={create.isBusy} onClick={create.run}>
          {t('enrol.button')}
        </Button>
      </div>
      <p class="quiet">{t('enrol.account', { handle: user.handle })}</p>
    </>
  )
}

function DeadLink() {
  return (
    <>
      <Heading title={t('enrol.dead.title')} />
      <p class="lead">{t('enrol.dead.lead')}</p>
      <p>
        <a href="/sign-in">{t('enrol.dead.signIn')}</a>
      </p>
    </>
  )
}
