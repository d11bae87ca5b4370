import { useState } from 'preact/hooks'
import type { AdminUserCard } from '../../src/api/contract.ts'
import { PagedList } from '../console/list.tsx'
import { when } from '../ui/format.ts'
import { t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import { Frame } from './frame.tsx'
import { NewUser } from './new-user.tsx'
import { Search } from './search.tsx'

/** Everybody who has an account. */
export function UsersPage() {
  const [text, setText] = useState('')
  const query = text && new URLSearchParams({ q: text }).toString()
  const users = usePages<AdminUserCard>('/v1/admin/users', query, 'users')
  return (
    <Frame title={t('operator.users.title')} lead={t('operator.users.lead')}>
      <NewUser onDone={users.reload} />
      <Search label={t('operator.users.search')} onSearch={setText} />
      <PagedList from={users} empty={<p>{t(query ? 'operator.noMatch' : 'operator.users.none')}</p>}>
        {(user) => (
          <>
            <a class="whole" href={`/operator/users/${encodeURIComponent(user.id)}`}>
              <bdi>{user.name ?? user.handle}</bdi>
            </a>
            <p class="quiet">
              <bdi>{user.handle}</bdi>
            </p>
            <p class={user.state === 'disabled' ? 'bad' : 'quiet'}>{stateOf(user)}</p>
          </>
        )}
      </PagedList>
    </Frame>
  )
}

function stateOf({ state, role, passkeys, last_seen_at }: AdminUserCard): string {
  const seen =
    passkeys === 0
      ? t('operator.users.invited')
      : last_seen_at === null
        ? t('operator.users.notSeen')
        : t('operator.users.seen', { at: when(last_seen_at) })
  const words = [state === 'disabled' ? t('operator.users.disabled') : seen]
  if (role !== 'owner') words.unshift(t(`operator.role.${role}`))
  return words.join(' · ')
}
