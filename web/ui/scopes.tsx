import type { ScopeCard } from '../../src/api/contract.ts'
import { t } from './text.ts'
import { Words } from './words.tsx'

/** What an app may ask for, in words; what can do harm stands first and says so. */
export function Scopes({ scopes }: { scopes: ScopeCard[] }) {
  return (
    <ul class="scopes">
      {scopes.map(({ scope, texts, dangerous }) => (
        <li key={scope} class={dangerous ? 'danger' : undefined}>
          {dangerous && <strong>{t('scope.danger')} </strong>}
          <Words texts={texts} bare={scope} />
        </li>
      ))}
    </ul>
  )
}
