import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { LinkAskForm, LinkDone, LinkOfferCard } from '../../src/api/contract.ts'
import { useArmed } from '../approve/use-armed.ts'
import { useAction } from '../ui/action.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Failure } from '../ui/failure.tsx'
import { hostOf, span, when } from '../ui/format.ts'
import { Heading } from '../ui/heading.tsx'
import { usePasskeyFor } from '../ui/passkey.ts'
import { Scopes } from '../ui/scopes.tsx'
import { rich, t } from '../ui/text.ts'

interface Props {
  ask: LinkAskForm
  offer: LinkOfferCard
  readAgain: () => Promise<void>
  onLinked: (done: LinkDone) => void
  /** @param to where the app wants the browser back */
  onLeft: (to: string | null) => void
}

/** Who wants to be let ask, for what, and for how long; nothing is linked before the passkey. */
export function Offer({ ask, offer, readAgain, onLinked, onLeft }: Props) {
  const { client, shown, known, blocked_at, told_handle, token_life, scopes, purpose } = offer
  const [hasChanged, setChanged] = useState(false)
  const isArmed = useArmed(shown)
  const link = useAction(async () => {
    try {
      const form = { ...ask, shown }
      const { options } = await post<{ options: Record<string, unknown> }>('/v1/me/links/confirm', form)
      onLinked(await post<LinkDone>('/v1/me/links', { ...form, credential: await usePasskeyFor(options) }))
    } catch (error) {
      if (!(error instanceof ApiProblem && error.problem.code === 'approval_changed')) throw error
      await readAgain()
      setChanged(true)
    }
  })
  const leave = useAction(async () => {
    onLeft((await post<{ redirect_to: string | null }>('/v1/me/links/decline', ask)).redirect_to)
  })

  return (
    <article class="link-offer">
      {hasChanged && (
        <p class="failure" role="alert">
          {t('link.changed')}
        </p>
      )}
      <Heading title={t('link.title', { app: client.name })}>
        {rich('link.title', { app: <bdi class="app">{client.name}</bdi> })}
      </Heading>
      <p class="lead">{t('link.lead')}</p>
      <p class="care">{t('link.began', { app: client.name })}</p>
      {blocked_at !== null && <p class="failure">{t('link.blocked', { at: when(blocked_at) })}</p>}
      <dl class="letter">
        <Line label={t('link.who')}>
          <WhoRuns offer={offer} />
          {purpose && (
            <>
              <p>{t('request.appSays')}</p>
              <blockquote>
                <bdi dir="auto">{purpose}</bdi>
              </blockquote>
            </>
          )}
        </Line>
        <Line label={t('link.what')}>
          <Scopes scopes={scopes} />
        </Line>
        <Line label={t('link.howLong')}>
          {t('link.until', { length: span(token_life * 1_000) })}
          {known && <p class="quiet">{t('link.known', { at: when(known.linked_at) })}</p>}
        </Line>
        {ask.redirect_uri && (
          <Line label={t('link.back')}>
            <span class="host">{hostOf(ask.redirect_uri)}</span>
          </Line>
        )}
      </dl>
      <Failure error={link.error ?? leave.error} />
      <div class="pair decide">
        <Button isBusy={leave.isBusy} onClick={leave.run}>
          {t('link.leave')}
        </Button>
        <Button kind="primary" isBusy={link.isBusy} isDisabled={!isArmed} onClick={link.run}>
          {t('link.agree')}
        </Button>
      </div>
      <p class="quiet">
        {t('link.help')}{' '}
        {told_handle === null ? t('link.anonymous') : rich('link.told', { handle: <bdi>{told_handle}</bdi> })}
      </p>
    </article>
  )
}

function WhoRuns({ offer: { developer, reviewed_at } }: { offer: LinkOfferCard }) {
  return (
    <>
      {developer === null ? (
        t('link.operators')
      ) : developer.name ? (
        <bdi>{developer.name}</bdi>
      ) : (
        t('link.nameless')
      )}
      <p class={reviewed_at === null && developer !== null ? 'unreviewed' : 'quiet'}>
        {reviewed_at !== null
          ? t('link.reviewed', { at: when(reviewed_at) })
          : developer !== null && t('link.unreviewed')}
      </p>
    </>
  )
}

function Line({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}
