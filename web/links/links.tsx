import type { LinkCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { Loaded, useLoad } from '../ui/load.tsx'
import { Scopes } from '../ui/scopes.tsx'
import { Shell } from '../ui/shell.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'

/** Apps that may ask this user, and the way to end it. */
export function LinksPage() {
  const links = useLoad<{ links: LinkCard[] }>('/v1/me/links')
  return (
    <Shell>
      <Heading title={t('links.title')} />
      <Loaded from={links}>
        {({ links: all }) => (
          <>
            <p class="lead" role="status">
              {all.length ? t('links.lead', { count: all.length }) : t('links.empty')}
            </p>
            <ul class="cards">
              {all.map((link) => (
                <Linked key={link.client.id} link={link} reload={links.reload} />
              ))}
            </ul>
            <p class="links">
              <a href="/link">{t('links.code')}</a>
            </p>
          </>
        )}
      </Loaded>
    </Shell>
  )
}

function Linked({ link, reload }: { link: LinkCard; reload: () => Promise<void> }) {
  const { client, linked_at, last_asked_at, last_approved_at, scopes } = link
  return (
    <li class="card row">
      <div>
        <h2>
          <bdi>{client.name}</bdi>
        </h2>
        <p class="quiet">{t('links.since', { at: when(linked_at) })}</p>
        <p class="quiet">
          {last_asked_at === null ? t('links.neverAsked') : t('links.asked', { at: when(last_asked_at) })}{' '}
          {last_approved_at !== null && t('links.approved', { at: when(last_approved_at) })}
        </p>
        <p>{t('links.mayAsk')}</p>
        <Scopes scopes={scopes} />
      </div>
      <TakeAway
        label={t('links.unlink')}
        of={client.name}
        title={t('links.unlink.title', { app: client.name })}
        text={t('links.unlink.text')}
        action={t('links.unlink.action')}
        path={`/v1/me/links/${encodeURIComponent(client.id)}`}
        onDone={reload}
      />
    </li>
  )
}
