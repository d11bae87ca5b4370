import type { ChannelHealth, NodeCard, QueueHealth, ServerHealth } from '../../src/api/contract.ts'
import { span, when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { isText, t } from '../ui/text.ts'
import { Frame } from './frame.tsx'

/** How the server is: what waits for whom, whether messages go out, and which processes are there. */
export function HealthPage() {
  const health = useLoad<ServerHealth>('/v1/admin/health')
  return (
    <Frame title={t('operator.health.title')} lead={t('operator.health.lead')}>
      <Loaded from={health}>
        {({ reviews_waiting, channels, queues, nodes, now }) => (
          <>
            <p>
              {reviews_waiting === 0 ? (
                t('operator.health.noReviews')
              ) : (
                <a href="/operator/reviews">{t('operator.health.reviews', { count: reviews_waiting })}</a>
              )}
            </p>
            <section>
              <h2>{t('operator.channels')}</h2>
              {channels.length === 0 ? <p>{t('operator.channels.none')}</p> : channels.map(channel)}
            </section>
            <section>
              <h2>{t('operator.queues')}</h2>
              {queues.length === 0 ? (
                <p>{t('operator.queues.none')}</p>
              ) : (
                <Queues queues={queues} now={now} />
              )}
            </section>
            <section>
              <h2>{t('operator.nodes')}</h2>
              <Nodes nodes={nodes} />
            </section>
          </>
        )}
      </Loaded>
    </Frame>
  )
}

const channel = ({ name, on, sent, last_sent_at, failures }: ChannelHealth) => (
  <div key={name} class="panel facts">
    <h3>
      {channelName(name)}
      {!on && ` · ${t('operator.channels.off')}`}
    </h3>
    <p>
      {t('operator.channels.sent', { count: sent })}{' '}
      {last_sent_at === null
        ? t('operator.channels.neverSent')
        : t('operator.channels.last', { at: when(last_sent_at) })}
    </p>
    {failures.length === 0 ? (
      <p class="quiet">{t('operator.channels.noFailures')}</p>
    ) : (
      <ul>
        {failures.map((each) => (
          <li key={each.kind}>
            <code>{each.kind}</code>:{' '}
            {t('operator.channels.failed', { count: each.count, at: when(each.last_at) })}
          </li>
        ))}
      </ul>
    )}
  </div>
)

function channelName(name: string): string {
  const key = `operator.channel.${name}`
  return isText(key) ? t(key as 'operator.channel.webpush') : name
}

function queueName(kind: string): string {
  const key = `operator.queue.${kind}`
  return isText(key) ? t(key as 'operator.queue.notify') : kind
}

function Queues({ queues, now }: { queues: QueueHealth[]; now: number }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('operator.queues.kind')}</th>
          <th scope="col">{t('operator.queues.queued')}</th>
          <th scope="col">{t('operator.queues.due')}</th>
          <th scope="col">{t('operator.queues.leased')}</th>
          <th scope="col">{t('operator.queues.oldest')}</th>
        </tr>
      </thead>
      <tbody>
        {queues.map(({ kind, queued, due, leased, oldest_due_at }) => (
          <tr key={kind}>
            <td data-label={t('operator.queues.kind')}>{queueName(kind)}</td>
            <td data-label={t('operator.queues.queued')}>{queued}</td>
            <td data-label={t('operator.queues.due')}>{due}</td>
            <td data-label={t('operator.queues.leased')}>{leased}</td>
            <td data-label={t('operator.queues.oldest')}>
              {oldest_due_at === null ? '–' : span(now - oldest_due_at)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Nodes({ nodes }: { nodes: NodeCard[] }) {
  return (
    <ul class="cards">
      {nodes.map(({ id, host, version, engine, runtime, started_at, seen_at, alive }) => (
        <li key={id} class="card">
          <span class="name">
            <bdi>{host}</bdi>
          </span>
          <p class={alive ? 'quiet' : 'bad'}>
            {alive
              ? t('operator.nodes.alive', { at: when(started_at) })
              : t('operator.nodes.gone', { at: when(seen_at) })}
          </p>
          <p class="quiet">
            {version} · {runtime} · {engine}
          </p>
        </li>
      ))}
    </ul>
  )
}
