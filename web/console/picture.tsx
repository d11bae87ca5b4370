import { t } from '../ui/text.ts'
import type { UrlName } from './url-field.tsx'

/** Who stands at the ends of each arrow; drawn small, and told in words to who does not see it. */
const arrows: Record<UrlName, string> = {
  // app → person → app
  redirect_url: 'M36 20H84M76 14L84 20 76 26M116 20H164M156 14L164 20 156 26',
  // server → app
  postback_url: 'M56 20H144M136 14L144 20 136 26',
  // person ✓ → server → app
  notifier_url: 'M36 20H84M76 14L84 20 76 26M116 20H164M156 14L164 20 156 26',
}

export function Picture({ of }: { of: UrlName }) {
  return (
    <svg class="picture where" viewBox="0 0 200 40" role="img" aria-label={t(`picture.${of}`)}>
      {of === 'redirect_url' && (
        <>
          <App x={8} />
          <Person x={100} />
          <App x={168} />
        </>
      )}
      {of === 'postback_url' && (
        <>
          <Server x={28} />
          <App x={148} />
        </>
      )}
      {of === 'notifier_url' && (
        <>
          <Person x={20} isYes />
          <Server x={88} />
          <App x={168} />
        </>
      )}
      <path class="arrow" d={arrows[of]} />
    </svg>
  )
}

const App = ({ x }: { x: number }) => (
  <g>
    <rect x={x} y={8} width={24} height={24} rx={5} />
    <path d={`M${x + 8} 17l-3 3 3 3M${x + 16} 17l3 3-3 3`} />
  </g>
)

const Server = ({ x }: { x: number }) => (
  <g>
    <rect x={x} y={9} width={24} height={10} rx={2} />
    <rect x={x} y={21} width={24} height={10} rx={2} />
    <path d={`M${x + 5} 14h2M${x + 5} 26h2`} />
  </g>
)

const Person = ({ x, isYes }: { x: number; isYes?: boolean }) => (
  <g>
    <circle cx={x} cy={14} r={5} />
    <path d={`M${x - 9} 32c0-7 4-10 9-10s9 3 9 10`} />
    {isYes && <path class="strong" d={`M${x + 5} 27l4 4 7-9`} />}
  </g>
)
