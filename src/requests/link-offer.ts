import { hash } from 'node:crypto'
import { Refusal } from '#base/errors.ts'
import { canonicalJson } from '#base/json.ts'
import { wordsFor } from '#clients/catalogue.ts'
import { requireLinkCode } from '#clients/link-codes.ts'
import { requireLinkable, scopesToLink } from '#clients/links.ts'
import { scopeList } from '#clients/scopes.ts'
import { type Client, linkOf, reviewOfClient } from '#clients/store.ts'
import { userById } from '#users/store.ts'
import type { AskContext } from './ask.ts'
import { blockedSince } from './standing.ts'

/** What the operator says of linking. */
export interface LinkRules {
  /** How long a code is good. */
  codeLifeMs: number
  /** Whether an app is told the handle of whoever links it. */
  tellsHandles: boolean
}

export interface LinkContext extends AskContext {
  linkRules: LinkRules
}

/** How a user came to the page: sent by the app, by an address of ours that was printed or sent, or by a code. */
export interface LinkAsk {
  clientId?: string | undefined
  code?: string | undefined
  /** Words apart by spaces; all that the app is registered for, if not said. With a code, the code says it. */
  scope?: string | undefined
  redirectUrl?: string | undefined
  state?: string | undefined
}

/** What a user is shown before they link an app. */
export interface LinkOffer {
  client: Client
  /** Empty where an app of this name may ask for nothing but to know its user. */
  scopes: string[]
  words: ReturnType<typeof wordsFor>
  /** Name of the developer whose app it is; null if they gave none. Undefined: the operator registered it. */
  developer: string | null | undefined
  /** When the operator accepted it. */
  reviewedAt: number | null
  /** How long each access is at most, in milliseconds. */
  tokenLifeMs: number
  /** The link there is already. */
  known: { linkedAt: number; scopes: string[] } | null
  /** The handle, where linking tells it to the app. */
  toldHandle: string | null
  /** The user reported it then. */
  blockedAt: number | null
  /** Stands for all of it: whoever agrees says to what. */
  shown: string
}

/**
 * What linking an app would mean to this user. Nothing comes of reading it.
 *
 * @throws Refusal `link_code_wrong`, `client_not_found`, why the app is not active, `scope_refused`, `redirect_wrong`
 */
export async function offerLink(context: LinkContext, userId: string, ask: LinkAsk): Promise<LinkOffer> {
  const { db, linkRules, askRules, catalogue } = context
  const code = ask.code === undefined ? undefined : await requireLinkCode(context, ask.code)
  const { client, initiator } = await requireLinkable(db, code?.clientId ?? ask.clientId ?? '')
  // A scope that the app has lost since its code was made is asked for no more.
  const scopes = code
    ? scopeList(code.scopes).filter((each) => scopeList(initiator.scopes).includes(each))
    : scopesToLink(ask.scope, initiator.scopes)
  if (ask.redirectUrl !== undefined && ask.redirectUrl !== client.redirectUrl)
    throw new Refusal('redirect_wrong')

  const [owner, user, review, link, blockedAt] = await Promise.all([
    client.userId === null ? undefined : userById(db, client.userId),
    linkRules.tellsHandles ? userById(db, userId) : undefined,
    reviewOfClient(db, client.id),
    linkOf(db, userId, client.id),
    blockedSince(db, { userId, clientId: client.id }),
  ])
  const offer = {
    client,
    scopes,
    words: wordsFor(catalogue, scopes),
    developer: client.userId === null ? undefined : (owner?.name ?? null),
    reviewedAt: review?.reviewedAt ?? null,
    tokenLifeMs: tokenLifeOf(client, askRules.tokenLifeMs),
    known: link ? { linkedAt: link.linkedAt, scopes: scopeList(link.scopes) } : null,
    toldHandle: user?.handle ?? null,
    blockedAt: blockedAt ?? null,
  }
  return { ...offer, shown: shownOf(offer, ask) }
}

const tokenLifeOf = ({ tokenLifeSeconds }: Client, mostMs: number): number =>
  tokenLifeSeconds === null ? mostMs : Math.min(mostMs, tokenLifeSeconds * 1_000)

const shownOf = (offer: Omit<LinkOffer, 'shown'>, { redirectUrl }: LinkAsk): string =>
  hash(
    'sha256',
    canonicalJson({
      client_id: offer.client.id,
      client_name: offer.client.name,
      purpose: offer.client.purpose,
      developer: offer.developer ?? null,
      reviewed_at: offer.reviewedAt,
      scopes: offer.words.map(({ scope, texts, isDangerous }) => [scope, texts, isDangerous]),
      token_life: offer.tokenLifeMs,
      told_handle: offer.toldHandle,
      redirect_url: redirectUrl ?? null,
    }),
    'base64url',
  )
