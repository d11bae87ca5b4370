import { t } from '../ui/text.ts'

/** What the app says of how its request came about, field by field; its own words, in no way checked. */
export function More({ said }: { said: Record<string, unknown> }) {
  return (
    <details>
      <summary>{t('request.more')}</summary>
      <p class="quiet">{t('request.moreHelp')}</p>
      <dl class="facts">
        {leavesOf(said).map(([name, value]) => (
          <div key={name}>
            <dt>
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <bdi dir="auto">{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

function leavesOf(value: object): [name: string, value: string][] {
  return Object.entries(value).flatMap(([name, each]) =>
    typeof each === 'object' && each !== null
      ? leavesOf(each).map(([within, leaf]): [string, string] => [`${name}.${within}`, leaf])
      : [[name, String(each)]],
  )
}
