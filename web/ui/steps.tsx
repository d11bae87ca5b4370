import { when } from './format.ts'

export interface Step {
  /** What happened. */
  words: string
  detail: string | null
  at: number
}

/** What happened, one step after the other. */
export const Steps = ({ steps }: { steps: Step[] }) => (
  <ol class="timeline">
    {steps.map(({ words, detail, at }, i) => (
      <li key={`${i} ${words}`}>
        {words}
        {detail && (
          <>
            {': '}
            <bdi>{detail}</bdi>
          </>
        )}
        <time class="quiet" dateTime={new Date(at).toISOString()}>
          {when(at)}
        </time>
      </li>
    ))}
  </ol>
)
