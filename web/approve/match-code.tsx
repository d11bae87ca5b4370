import { useId } from 'preact/hooks'
import { ApiProblem, post } from '../ui/api.ts'
import { now } from '../ui/clock.ts'
import { when } from '../ui/format.ts'
import { rich, t } from '../ui/text.ts'

interface Props {
  app: string
  code: string
  onCode: (code: string) => void
}

const DIGITS = 6

/** Whether all of a code is there. */
export const isWhole = (code: string) => code.replace(/\D/g, '').length === DIGITS

/** The code that the app shows: whoever can type it is where the request was begun. */
export function MatchCode({ app, code, onCode }: Props) {
  const id = useId()
  return (
    <div class="field match">
      <label for={id}>{rich('match.label', { app: <bdi>{app}</bdi> })}</label>
      <input
        id={id}
        class="code"
        inputMode="numeric"
        autocomplete="one-time-code"
        maxLength={DIGITS + 4}
        value={code}
        aria-describedby={`${id}-help`}
        onInput={(event) => onCode(event.currentTarget.value)}
      />
      <p id={`${id}-help`} class="quiet">
        {t('match.help')}
      </p>
    </div>
  )
}

/** @throws Error that says in the reader's language how it stands when the code is wrong */
export async function typeCode(requestId: string, code: string): Promise<void> {
  try {
    await post(`/v1/me/requests/${requestId}/match`, { code })
  } catch (error) {
    throw error instanceof ApiProblem ? inWords(error) : error
  }
}

function inWords(error: ApiProblem): Error {
  const { code, left, retry_after = 0 } = error.problem
  if (code === 'codes_locked') return new Error(t('match.locked', { at: when(now() + retry_after * 1_000) }))
  return code === 'match_code_wrong' ? new Error(t('match.wrong', { count: left ?? 0 })) : error
}
