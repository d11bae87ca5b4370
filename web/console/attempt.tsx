import type { AttemptCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { t } from '../ui/text.ts'

/** One try: how it ended and how long it took, what was sent, what came back. */
export function Attempt({ attempt }: { attempt: AttemptCard }) {
  const { number, state, detail, sent, response, response_headers } = attempt
  return (
    <div class="attempt">
      <h3>
        {t('attempt.title', { number })}: {t(`attempt.state.${state}`)}
      </h3>
      <p class="quiet">{timeOf(attempt)}</p>
      {detail && <p>{detail}</p>}
      {sent && <Message title={t('attempt.sent')} headers={sent.headers} body={sent.body} />}
      {response !== null && (
        <Message title={t('attempt.answer')} headers={response_headers ?? {}} body={response} />
      )}
    </div>
  )
}

function timeOf({ status, started_at, ended_at }: AttemptCard) {
  if (ended_at === null) return when(started_at)
  const took = { ms: ended_at - started_at, at: when(started_at) }
  return status === null ? t('attempt.noAnswer', took) : t('attempt.took', { ...took, status })
}

function Message(props: { title: string; headers: Record<string, string>; body: string }) {
  const lines = Object.entries(props.headers).map(([name, value]) => `${name}: ${value}`)
  return (
    <details>
      <summary>{props.title}</summary>
      <pre>
        <code>{[...lines, '', props.body || t('attempt.nothing')].join('\n').trim()}</code>
      </pre>
    </details>
  )
}
