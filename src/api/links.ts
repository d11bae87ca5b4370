import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import type { Static } from 'typebox'
import { MINUTE, SECOND } from '#base/clock.ts'
import { Type } from '#base/schema.ts'
import { wordsFor } from '#clients/catalogue.ts'
import { scopeList } from '#clients/scopes.ts'
import { clientById, iconSetAt, linksOfUser } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import { agreeToLink, confirmLink, declineLink } from '#requests/link.ts'
import { type LinkAsk, type LinkContext, type LinkOffer, offerLink } from '#requests/link-offer.ts'
import { lastAsksOf } from '#requests/store.ts'
import { unlinkUser } from '#requests/unlink.ts'
import type { LinkCard, LinkDone, LinkOfferCard, ScopeCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Credential, Id } from './shapes.ts'
import { sharedLimit } from './shared-limit.ts'

const Ask = {
  client_id: Type.Optional(Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' })),
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 20, pattern: '^[ -~]+$' })),
  scope: Type.Optional(Type.String({ maxLength: 2_000, pattern: '^[ -~]*$' })),
  redirect_uri: Type.Optional(Type.String({ minLength: 1, maxLength: 2_048 })),
  state: Type.Optional(Type.String({ maxLength: 1_000, pattern: '^[^\\u0000]*$' })),
}
const Shown = Type.String({ minLength: 1, maxLength: 100, pattern: '^[\\w-]+$' })

/** Calls with a code of one user: a person mistypes it now and then, a machine would try many. */
const TRIES = { most: 30, ms: 10 * MINUTE }

/** Which apps may ask a user: shown to them, agreed to by their passkey, and ended by them. */
export function linkRoutes(server: Server, context: LinkContext & { steady: () => number }) {
  const { db } = context
  const limitTries = sharedLimit(context, 'link_code', TRIES)

  server.post('/v1/me/links/offer', { schema: { body: Type.Object(Ask) } }, async (http) => {
    const { userId } = await signedIn(context, http)
    return offerCard(await offerLink(context, userId, await askOf(userId, http.body)))
  })

  const confirm = { body: Type.Object({ ...Ask, shown: Shown }) }
  server.post('/v1/me/links/confirm', { schema: confirm }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { shown } = http.body
    return { options: await confirmLink(context, userId, await askOf(userId, http.body), shown) }
  })

  const agree = { body: Type.Object({ ...Ask, shown: Shown, credential: Type.Optional(Credential) }) }
  server.post('/v1/me/links', { schema: agree }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { shown } = http.body
    const credential = http.body.credential as unknown as AuthenticationResponseJSON | undefined
    const ask = await askOf(userId, http.body)
    const { link, redirectTo } = await agreeToLink(context, userId, ask, { shown, credential })
    const done: LinkDone = {
      link_id: link.subject,
      client: await named(link.clientId),
      redirect_to: redirectTo,
    }
    return reply.code(201).send(done)
  })

  server.post('/v1/me/links/decline', { schema: { body: Type.Object(Ask) } }, async (http) => {
    const { userId } = await signedIn(context, http)
    return { redirect_to: await declineLink(context, userId, await askOf(userId, http.body)) }
  })

  server.get('/v1/me/links', async (http) => {
    const { userId } = await signedIn(context, http)
    const [links, asks] = await Promise.all([linksOfUser(db, userId), lastAsksOf(db, userId)])
    const last = new Map(asks.map((each) => [each.clientId, each]))
    const cards = links.map(
      async ({ clientId, scopes, linkedAt }): Promise<LinkCard> => ({
        client: await named(clientId),
        icon: await iconOf(clientId),
        linked_at: linkedAt,
        scopes: scopeCards(wordsFor(context.catalogue, scopeList(scopes))),
        last_asked_at: last.get(clientId)?.askedAt ?? null,
        last_approved_at: last.get(clientId)?.approvedAt ?? null,
      }),
    )
    return { links: await Promise.all(cards) }
  })

  server.delete('/v1/me/links/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await unlinkUser(context, { userId, clientId: http.params.id }, { actor: 'user' })
    return reply.code(204).send()
  })

  async function askOf(
    userId: string,
    body: Static<ReturnType<typeof Type.Object<typeof Ask>>>,
  ): Promise<LinkAsk> {
    if (body.code !== undefined) await limitTries(userId)
    const { client_id, code, scope, redirect_uri, state } = body
    return { clientId: client_id, code, scope, redirectUrl: redirect_uri, state }
  }

  async function offerCard(offer: LinkOffer): Promise<LinkOfferCard> {
    const { client, words, developer, reviewedAt, tokenLifeMs, known, toldHandle, blockedAt, shown } = offer
    return {
      client: { id: client.id, name: client.name },
      icon: await iconOf(client.id),
      purpose: client.purpose,
      developer: developer === undefined ? null : { name: developer },
      reviewed_at: reviewedAt,
      scopes: scopeCards(words),
      token_life: Math.floor(tokenLifeMs / SECOND),
      known: known && { linked_at: known.linkedAt, scopes: known.scopes },
      told_handle: toldHandle,
      blocked_at: blockedAt,
      shown,
    }
  }

  async function iconOf(clientId: string): Promise<string | null> {
    const at = await iconSetAt(db, clientId)
    return at === null ? null : `/v1/icons/${clientId}?${at}`
  }

  async function named(id: string) {
    const client = await clientById(db, id)
    return { id, name: client?.name ?? 'A removed app' }
  }
}

const scopeCards = (words: ReturnType<typeof wordsFor>): ScopeCard[] =>
  words.map(({ scope, texts, isDangerous }) => ({ scope, texts, dangerous: isDangerous }))
