import { WebAuthnAbortService } from '@simplewebauthn/browser'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { RequestDetail } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import { AlteredRequest } from './altered.tsx'
import { approve, Changed, type Decision, isSettled, reject, reportAndBlock } from './decide.ts'
import { Letter } from './letter.tsx'
import { isWhole, MatchCode, typeCode } from './match-code.tsx'
import { Altered, reviewInHand, type Shown, takeReview } from './take-review.ts'
import { TimeLeft } from './time-left.tsx'
import { useArmed } from './use-armed.ts'

interface Props {
  request: RequestDetail
  timeLeft: number
  onDecided: (decision: Decision) => Promise<void>
  /** Someone or something else was faster. */
  onSettled: () => Promise<void>
}

/** A request that waits: read it, then reject or approve. */
export function PendingRequest({ request, timeLeft, onDecided, onSettled }: Props) {
  const [shown, setShown] = useState(() => reviewInHand(request.id))
  const [hasChanged, setChanged] = useState(false)
  const [code, setCode] = useState('')

  const wanted = useRef<number[]>([])
  const open = useAction(() => takeReview(request.id, wanted.current).then(setShown).catch(unlessSettled))
  const approval = useAction(() =>
    shown ? approveMatched(shown).then(onDecided).catch(readAgain).catch(unlessSettled) : Promise.resolve(),
  )
  const rejection = useAction(() => reject(request.id).then(onDecided).catch(unlessSettled))

  useEffect(() => {
    if (!shown) open.run()
    // Decided elsewhere while the passkey was being asked for: its prompt goes too.
    return () => WebAuthnAbortService.cancelCeremony()
  }, [])

  function unlessSettled(error: unknown) {
    if (!isSettled(error)) throw error
    return onSettled()
  }

  function readAgain(error: unknown) {
    if (!(error instanceof Changed)) throw error
    setShown(error.now)
    setChanged(true)
  }

  async function approveMatched(text: Shown) {
    if (text.approval.match_code) await typeCode(request.id, code)
    return approve(request.id, text)
  }

  // Another part of it is another text to sign.
  function keepBack(withheld: number[]) {
    wanted.current = withheld
    open.run()
  }

  const isArmed = useArmed(shown?.text ?? '')
  const failure = approval.error ?? rejection.error ?? (shown && open.error)
  if (open.error instanceof Altered || failure instanceof Altered) return <AlteredRequest />
  if (!shown) return open.error === undefined ? <Skeleton /> : <Failure error={open.error} retry={open.run} />

  const needsCode = shown.approval.match_code
  return (
    <article>
      {hasChanged && (
        <p class="failure" role="alert">
          {t('request.changed')}
        </p>
      )}
      <Letter
        approval={shown.approval}
        history={request}
        part={{
          withheld: open.isBusy ? wanted.current : shown.withheld,
          onWithhold: keepBack,
          isBusy: open.isBusy,
        }}
      />
      <TimeLeft ms={timeLeft} />
      {needsCode && <MatchCode app={shown.approval.client_name} code={code} onCode={setCode} />}
      <Failure error={failure} />
      <div class="pair decide">
        <Button isBusy={rejection.isBusy} onClick={rejection.run}>
          {t('request.reject')}
        </Button>
        <Button
          kind="primary"
          isBusy={approval.isBusy}
          isDisabled={!isArmed || open.isBusy || (needsCode && !isWhole(code))}
          onClick={approval.run}
        >
          {t('request.approve')}
        </Button>
      </div>
      <p class="quiet">{t('request.decideHelp')}</p>
      <TakeAway
        label={t('report.button')}
        title={t('report.title', { app: shown.approval.client_name })}
        text={t('report.text')}
        action={t('report.action')}
        work={() => reportAndBlock(request.id).catch(unlessSettled)}
        onDone={onSettled}
      />
    </article>
  )
}
