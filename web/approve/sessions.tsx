import type { SessionCard } from '../../src/api/contract.ts'
import { deviceName } from '../ui/device.ts'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'

export function Sessions() {
  const sessions = useLoad<{ sessions: SessionCard[] }>('/v1/me/sessions')
  return (
    <section>
      <h2>{t('sessions.title')}</h2>
      <p>{t('sessions.lead')}</p>
      <Loaded from={sessions}>
        {({ sessions: all }) => (
          <ul class="cards">
            {all.map((session) => (
              <Session key={session.id} session={session} reload={sessions.reload} />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  )
}

function Session({ session, reload }: { session: SessionCard; reload: () => Promise<void> }) {
  const device = deviceName(session.user_agent)
  return (
    <li class="card row">
      <div>
        <span class="name">{device}</span>
        <p class="quiet">
          {session.address
            ? t('sessions.seenFrom', { at: when(session.last_seen_at), address: session.address })
            : t('sessions.seen', { at: when(session.last_seen_at) })}
        </p>
      </div>
      {session.current ? (
        <span class="quiet">{t('sessions.current')}</span>
      ) : (
        <TakeAway
          label={t('sessions.end')}
          of={device}
          title={t('sessions.end.title')}
          text={t('sessions.end.text', { device })}
          action={t('sessions.end.action')}
          path={`/v1/me/sessions/${session.id}`}
          onDone={reload}
        />
      )}
    </li>
  )
}
