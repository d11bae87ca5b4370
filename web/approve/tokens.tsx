import type { TokenCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { Loaded, useLoad } from '../ui/load.tsx'
import { Shell } from '../ui/shell.tsx'
import { t } from '../ui/text.ts'
import { Revoke } from './revoke.tsx'

export function TokensPage() {
  const tokens = useLoad<{ tokens: TokenCard[] }>('/v1/me/tokens')
  return (
    <Shell>
      <Heading title={t('tokens.title')} />
      <Loaded from={tokens}>
        {({ tokens: all }) => {
          const active = all.filter((token) => token.state === 'active')
          const ended = all.filter((token) => token.state !== 'active')
          return (
            <>
              <p class="lead" role="status">
                {active.length ? t('tokens.lead', { count: active.length }) : t('tokens.empty')}
              </p>
              <TokenList tokens={active} reload={tokens.reload} />
              <p class="links">
                <a href="/links">{t('tokens.links')}</a>
              </p>
              {ended.length > 0 && (
                <details>
                  <summary>{t('tokens.ended', { count: ended.length })}</summary>
                  <TokenList tokens={ended} reload={tokens.reload} />
                </details>
              )}
            </>
          )
        }}
      </Loaded>
    </Shell>
  )
}

function TokenList({ tokens, reload }: { tokens: TokenCard[]; reload: () => Promise<void> }) {
  return (
    <ul class="cards">
      {tokens.map((token) => (
        <li key={token.id} class="card row">
          <div>
            <a href={`/r/${token.request_id}`}>
              <bdi>{token.client.name}</bdi>
            </a>
            <p class="quiet">{lifeOf(token)}</p>
            {token.state === 'active' && token.delivery && (
              <p class="quiet">{t(`tokens.delivery.${token.delivery.state}`)}</p>
            )}
          </div>
          {token.state === 'active' && (
            <Revoke tokenId={token.id} app={token.client.name} isOneOfMany onDone={reload} />
          )}
        </li>
      ))}
    </ul>
  )
}

function lifeOf({ state, issued_at, expires_at, revoked_at, is_renewable }: TokenCard) {
  if (state === 'active' && is_renewable) {
    return t('tokens.renewable', { given: when(issued_at), ends: when(expires_at) })
  }
  if (state === 'active') return t('tokens.life', { given: when(issued_at), ends: when(expires_at) })
  if (state === 'revoked') return t('tokens.revoked', { at: when(revoked_at ?? expires_at) })
  return t('tokens.expired', { at: when(expires_at) })
}
