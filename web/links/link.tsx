import { useEffect, useState } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import type { LinkAskForm, LinkDone, LinkOfferCard } from '../../src/api/contract.ts'
import { Leaving } from '../approve/leaving.tsx'
import { useAction } from '../ui/action.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { goTo } from '../ui/navigate.ts'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { rich, t } from '../ui/text.ts'
import { forgetCode, keepCode, takeCode } from './code.ts'
import { CodeForm } from './code-form.tsx'
import { Offer } from './offer.tsx'

/** An app asks to be let ask: sent by its own site, by an address that it shows, or by a code. */
export function LinkPage() {
  const clientId = useRoute().params.id
  const { query } = useLocation()
  const [code, setCode] = useState(takeCode)
  useEffect(() => {
    // Another code opened in the same tab changes only the part after the #.
    const read = () => setCode(takeCode())
    addEventListener('hashchange', read)
    return () => removeEventListener('hashchange', read)
  }, [])

  const take = (typed: string) => {
    keepCode(typed)
    setCode(typed)
  }
  const { scope, redirect_uri, state } = query
  const ask: LinkAskForm | undefined = clientId
    ? { client_id: clientId, ...defined({ scope, redirect_uri, state }) }
    : code
      ? { code }
      : undefined
  return (
    <Shell>
      {ask ? <OneLink key={JSON.stringify(ask)} ask={ask} onCode={take} /> : <CodeForm onCode={take} />}
    </Shell>
  )
}

const defined = (fields: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function OneLink({ ask, onCode }: { ask: LinkAskForm; onCode: (code: string) => void }) {
  const [offer, setOffer] = useState<LinkOfferCard>()
  const [done, setDone] = useState<LinkDone>()
  const [leavingTo, setLeavingTo] = useState<string>()
  const load = useAction(async () => setOffer(await post<LinkOfferCard>('/v1/me/links/offer', ask)))
  useEffect(() => void load.run(), [])

  if (leavingTo) {
    return (
      <>
        <Heading title={t('link.left')} />
        <Leaving to={leavingTo} />
      </>
    )
  }
  if (done) return <Linked done={done} />
  if (offer) {
    return (
      <Offer
        ask={ask}
        offer={offer}
        readAgain={load.run}
        onLinked={(how) => {
          forgetCode()
          setDone(how)
        }}
        onLeft={(to) => {
          forgetCode()
          if (to) setLeavingTo(to)
          else goTo('/')
        }}
      />
    )
  }
  if (isWrongCode(load.error)) return <CodeForm error={load.error} onCode={onCode} />
  return (
    <>
      <Heading title={t('link.title.unknown')} />
      {load.error === undefined ? <Skeleton /> : <Failure error={load.error} retry={load.run} />}
    </>
  )
}

const isWrongCode = (error: unknown) =>
  error instanceof ApiProblem && error.problem.code === 'link_code_wrong'

function Linked({ done: { client, redirect_to } }: { done: LinkDone }) {
  return (
    <>
      <Heading title={t('link.done', { app: client.name })}>
        {rich('link.done', { app: <bdi class="app">{client.name}</bdi> })}
      </Heading>
      <p class="lead">{t('link.done.lead')}</p>
      {redirect_to ? (
        <Leaving to={redirect_to} />
      ) : (
        <p class="links">
          <a href="/links">{t('links.title')}</a>
          <a href="/">{t('nav.inbox')}</a>
        </p>
      )}
    </>
  )
}
