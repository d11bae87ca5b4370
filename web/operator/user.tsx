import { useState } from 'preact/hooks'
import { useRoute } from 'preact-iso/router'
import type { AdminUserDetail, EnrolmentLink, Role } from '../../src/api/contract.ts'
import { post, remove } from '../ui/api.ts'
import { Copy } from '../ui/copy.tsx'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'
import { Ask } from './ask.tsx'
import { Frame } from './frame.tsx'

const roles: Role[] = ['owner', 'auditor', 'operator']

/** One account: who it is, how they are told, and what an operator may do. */
export function UserPage() {
  const { params } = useRoute()
  const path = `/v1/admin/users/${encodeURIComponent(params.id ?? '')}`
  const user = useLoad<AdminUserDetail>(path)
  return (
    <Frame title={user.data?.name ?? user.data?.handle ?? t('operator.user.title')}>
      <p>
        <a href="/operator/users">{t('operator.user.back')}</a>
      </p>
      <Loaded from={user}>
        {(each) => (
          <>
            <Facts user={each} />
            <Link user={each} path={path} reload={user.reload} />
            <Roles user={each} path={path} reload={user.reload} />
            <Switch user={each} path={path} reload={user.reload} />
          </>
        )}
      </Loaded>
    </Frame>
  )
}

interface Props {
  user: AdminUserDetail
  path: string
  reload: () => Promise<void>
}

function Facts({ user }: { user: AdminUserDetail }) {
  const facts = [
    [t('operator.users.handle'), user.handle],
    [t('operator.user.id'), user.id],
    [t('operator.user.passkeys'), String(user.passkeys)],
    [t('operator.user.added'), when(user.created_at)],
    [t('operator.user.seen'), user.last_seen_at === null ? t('operator.never') : when(user.last_seen_at)],
    [
      t('operator.user.told'),
      user.contacts.map(({ channel, address }) => address ?? channel).join(', ') ||
        t('operator.user.nowhere'),
    ],
  ] as const
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** The way in: an invitation, or the replacement of passkeys that were lost. */
function Link({ user, path, reload }: Props) {
  const [made, setMade] = useState<EnrolmentLink>()
  const isNew = user.passkeys === 0
  const make = async () => {
    setMade(await post<EnrolmentLink>(`${path}/enrolment`))
    await reload()
  }
  const callOff = async () => {
    await remove(`${path}/enrolment`)
    setMade(undefined)
    await reload()
  }
  if (user.state === 'disabled') return null
  return (
    <section>
      <h2>{t('operator.link')}</h2>
      {made && (
        <div class="panel once" role="status">
          <p>{t('operator.link.lead')}</p>
          <Copy label={t('operator.link')} value={made.enrolment_url} />
          {!isNew && <p>{t('operator.link.told', { count: made.told })}</p>}
        </div>
      )}
      {user.link && (
        <p>{t('operator.link.open', { from: when(user.link.works_at), to: when(user.link.expires_at) })}</p>
      )}
      <div class="actions">
        <Ask
          label={t(isNew ? 'operator.link.invite' : 'operator.link.replace')}
          title={t(isNew ? 'operator.link.invite' : 'operator.link.replace')}
          text={t(isNew ? 'operator.link.invite.text' : 'operator.link.replace.text')}
          action={t('operator.link.make')}
          onDone={make}
        />
        {user.link && (
          <Ask
            label={t('operator.link.callOff')}
            kind="danger"
            title={t('operator.link.callOff')}
            text={t('operator.link.callOff.text')}
            action={t('operator.link.callOff')}
            onDone={callOff}
          />
        )}
      </div>
    </section>
  )
}

function Roles({ user, path, reload }: Props) {
  const give = (role: Role) => async () => {
    await post(`${path}/role`, { role })
    await reload()
  }
  return (
    <section>
      <h2>{t('operator.user.role')}</h2>
      <p>{t(`operator.role.${user.role}`)}</p>
      <div class="actions">
        {roles
          .filter((role) => role !== user.role)
          .map((role) => (
            <Ask
              key={role}
              label={t('operator.user.makeRole', { role: t(`operator.role.${role}`) })}
              title={t('operator.user.makeRole', { role: t(`operator.role.${role}`) })}
              text={t(`operator.role.${role}.text`)}
              action={t('operator.user.giveRole')}
              onDone={give(role)}
            />
          ))}
      </div>
    </section>
  )
}

function Switch({ user, path, reload }: Props) {
  const turn = (state: 'active' | 'disabled') => async () => {
    await post(`${path}/state`, { state })
    await reload()
  }
  return (
    <section>
      <h2>{t('operator.user.state')}</h2>
      <p class={user.state === 'disabled' ? 'bad' : ''}>
        {t(user.state === 'disabled' ? 'operator.users.disabled' : 'operator.users.active')}
      </p>
      {user.state === 'disabled' ? (
        <Ask
          label={t('operator.user.enable')}
          title={t('operator.user.enable')}
          text={t('operator.user.enable.text')}
          action={t('operator.user.enable')}
          onDone={turn('active')}
        />
      ) : (
        <Ask
          label={t('operator.user.disable')}
          kind="danger"
          title={t('operator.user.disable')}
          text={t('operator.user.disable.text')}
          action={t('operator.user.disable')}
          onDone={turn('disabled')}
        />
      )}
    </section>
  )
}
