import type { ComponentChildren } from 'preact'

export interface Step {
  picture: ComponentChildren
  text: string
}

/** What to do, one picture and one sentence after the other. */
export function Guide({ lead, steps }: { lead: string; steps: Step[] }) {
  return (
    <>
      <p class="lead">{lead}</p>
      <ol class="guide">
        {steps.map(({ picture, text }) => (
          <li key={text}>
            {picture}
            <p>{text}</p>
          </li>
        ))}
      </ol>
    </>
  )
}
