import type { ScopeCard } from '../../src/api/contract.ts'
import { languageNow, t } from './text.ts'

/** What an app may ask for, in words; what can do harm stands first and says so. */
export function Scopes({ scopes }: { scopes: ScopeCard[] }) {
  return (
    <ul class="scopes">
      {scopes.map((each) => (
        <li key={each.scope} class={each.dangerous ? 'danger' : undefined}>
          {each.dangerous && <strong>{t('scope.danger')} </strong>}
          <Words of={each} />
        </li>
      ))}
    </ul>
  )
}

function Words({ of: { scope, texts } }: { of: ScopeCard }) {
  const own = texts[languageNow()]
  if (own !== undefined) return <bdi>{own}</bdi>
  if (texts.en !== undefined) return <bdi lang="en">{texts.en}</bdi>
  return (
    <>
      {t('scope.unworded')} <bdi class="word">{scope}</bdi>
    </>
  )
}
