import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret } from '#base/secrets.ts'
import type { HintSubject } from '#clients/hint-tokens.ts'
import { isLinkSubject } from '#clients/links.ts'
import { scopeList } from '#clients/scopes.ts'
import { type Client, type Initiator, linkBySubject, linkOf, lockLink } from '#clients/store.ts'
import type { Database } from '#store/database.ts'
import { type User, userByHandle, userById, userByIdentity } from '#users/store.ts'
import { fitBindingMessage } from './binding-message.ts'
import type { RequestContext } from './context.ts'
import { readDetails } from './details.ts'
import { bearerPlace, handleOf } from './handle.ts'
import { LONGEST_MATCH_MS, matchCodeOf } from './match-code.ts'
import { openRequest } from './open.ts'
import { readRequestContext } from './request-context.ts'
import { isBlocked } from './standing.ts'
import { countPending, insertHandle } from './store.ts'
import type { Terms } from './terms.ts'
import { requireUserCode } from './user-code.ts'

/**
 * How an initiator names whom it asks: by what it knows them by since they linked it, by a handle as a person would type
 * it, or by the id that tokens name; or an issuer that the operator believes says who.
 */
export type Hint = { handle: string } | HintSubject

export interface InitiatorAsk {
  client: Client
  initiator: Initiator
  hint: Hint
  /** Words apart by spaces. */
  scope: string
  /** What the token is for; none, for what all tokens are for (RFC 8707). */
  resources: string[]
  /** JSON text of an array (RFC 9396 §2). */
  details: string | undefined
  /** The secret code of the user, as the client was told it. */
  userCode: string | undefined
  bindingMessage: string | undefined
  /** JSON text of an object (FAPI-CIBA §5.3). */
  requestContext: string | undefined
  /** Seconds; as long as the operator says, if not given. */
  requestedExpiry: number | undefined
  /** Thumbprint of the key that the tokens will be bound to. */
  dpopJkt: string | undefined
  /** By which the client wants to know a ping or push of ours. */
  bearer: string | undefined
  /** Makes a retry the same ask. */
  idempotencyKey: string | undefined
  /** `traceparent` that came with it. */
  trace: string | undefined
  address: string
}

/** What the operator says of requests by initiators. */
export interface AskRules {
  /** Seconds between two polls. */
  intervalSeconds: number
  /** How long a user has to decide, if the client does not say, and at most. */
  lifeMs: number
  longestLifeMs: number
  tokenLifeMs: number
  /** How long access can be renewed for who asks for offline_access; 0 for not at all. */
  renewableMs: number
  /** Requests of one client to one user that may wait at a time. */
  mostOpen: number
  /** Whether a client may name a user by their handle, besides by their link. */
  takesHandles: boolean
  /** Whether clients that are registered so must send the secret code of the user. */
  takesUserCodes: boolean
}

export interface AskContext extends RequestContext {
  askRules: AskRules
}

/**
 * Asks a user who has linked this initiator. Whoever is not known, has not linked it or wants to hear nothing of it is
 * answered alike, after the same look-ups, and nobody is told: the answer is no phone book.
 *
 * @returns the handle by which the client comes for the result, how long it is good, in seconds, and the code that the
 *   client shows, if it is one whose users type one
 * @throws Refusal `scope_refused`, `details_refused`, `binding_message_unfit`, `request_context_unfit`, `user_code_missing`, `hint_unknown`, `user_code_wrong`,
 *   `too_many_open`, `asks_paused`, `idempotency_key_reused`
 */
export async function askUser(context: AskContext, ask: InitiatorAsk) {
  const { now, vault, askRules, catalogue } = context
  const { client, initiator } = ask
  const scopes = requireScopes(ask.scope, initiator.scopes)
  const details =
    ask.details === undefined
      ? []
      : readDetails(ask.details, catalogue.details, scopeList(initiator.detailTypes))
  const bindingMessage = ask.bindingMessage === undefined ? null : fitBindingMessage(ask.bindingMessage)
  const requestContext = ask.requestContext === undefined ? null : readRequestContext(ask.requestContext)
  const wantsUserCode = askRules.takesUserCodes && initiator.takesUserCode === 1
  // Before anybody is looked for, so that it tells nothing of them.
  if (wantsUserCode && ask.userCode === undefined) throw new Refusal('user_code_missing')
  const user = await findLinked(context, ask.hint, client.id, scopes)

  if (wantsUserCode)
    await requireUserCode(context, { userId: user.id, clientId: client.id }, ask.userCode ?? '')

  const pushUrl = initiator.deliveryMode === 'push' ? initiator.notificationUrl : null
  const isRenewable = scopes.includes('offline_access') && askRules.renewableMs > 0
  const renewableMs = isRenewable ? askRules.renewableMs : null
  const isMatched = initiator.requiresMatchCode === 1
  const terms: Terms = {
    scopes,
    resources: ask.resources,
    details,
    isMatched,
    bindingMessage,
    requestContext,
    pushUrl,
    renewableMs,
    dpopJkt: ask.dpopJkt ?? null,
  }
  const lifeMs = lifeOf(ask.requestedExpiry, askRules)
  const expiresAt = now() + (isMatched ? Math.min(lifeMs, LONGEST_MATCH_MS) : lifeMs)
  const asked = {
    client,
    userId: user.id,
    protocol: 'ciba',
    delivery: initiator.deliveryMode,
    fold: ask.idempotencyKey === undefined ? null : hashSecret(ask.idempotencyKey).toString('base64url'),
    reason: null,
    address: ask.address,
    trace: ask.trace,
    terms,
    expiresAt,
    // A token begins when it is fetched, so this is the latest that it can end.
    tokenExpiresAt: expiresAt + askRules.tokenLifeMs,
  }
  const { request, isNew } = await openRequest(context, asked, async (tx, requestId) => {
    const link = await lockLink(tx, user.id, client.id)
    if (!link) throw new Refusal('hint_unknown')
    const open = await countPending(tx, user.id, client.id, now())
    if (open > askRules.mostOpen) throw new Refusal('too_many_open')
    await insertHandle(tx, {
      requestId,
      intervalSeconds: askRules.intervalSeconds,
      sealedBearer: ask.bearer ? vault.seal(bearerPlace(requestId), Buffer.from(ask.bearer)) : null,
    })
  })
  if (!isNew && request.terms !== JSON.stringify(terms)) throw new Refusal('idempotency_key_reused')
  return {
    request,
    handle: handleOf(vault, request.id),
    matchCode: isMatched ? matchCodeOf(vault, request.id) : undefined,
    // What was wished is what is answered, whatever it took to write it down.
    expiresIn: Math.max(1, Math.ceil((request.expiresAt - now()) / SECOND)),
    intervalSeconds: askRules.intervalSeconds,
  }
}

function requireScopes(scope: string, registered: string): string[] {
  const scopes = scopeList(scope)
  const known = new Set(scopeList(registered))
  if (!scopes.includes('openid')) {
    throw new Refusal('scope_refused', {
      detail: 'The scope must contain openid.',
      facts: { missing: 'openid' },
    })
  }
  const unknown = scopes.find((each) => !known.has(each))
  if (unknown !== undefined) {
    throw new Refusal('scope_refused', { detail: 'This app is not registered for one of the scopes.' })
  }
  return scopes
}

async function findLinked(
  context: AskContext,
  hint: Hint,
  clientId: string,
  scopes: string[],
): Promise<User> {
  const { user, link } = await whomOf(context, hint, clientId)
  const hasBlocked = await isBlocked(context.db, { userId: user?.id ?? '', clientId })
  const isReachable = user?.state === 'active' && link !== undefined && !hasBlocked
  if (!isReachable) throw new Refusal('hint_unknown')
  const granted = new Set(scopeList(link.scopes))
  if (scopes.some((each) => !granted.has(each))) {
    throw new Refusal('scope_refused', { detail: 'The user has not linked this app for one of the scopes.' })
  }
  return user
}

/** For each form of a hint the same look-ups, whoever it names. */
async function whomOf({ db, askRules }: AskContext, hint: Hint, clientId: string) {
  if ('issuer' in hint) {
    // Who signs in there is known by their name there; of all others the issuer says a name of ours.
    const [known, named] = await Promise.all([
      userByIdentity(db, hint.issuer, hint.subject),
      userByName(db, hint.subject),
    ])
    const user = known ?? named
    return { user, link: await linkOf(db, user?.id ?? '', clientId) }
  }
  const text = 'userId' in hint ? hint.userId : hint.handle
  if (isLinkSubject(text)) {
    const link = await linkBySubject(db, clientId, text)
    return { user: await userById(db, link?.userId ?? ''), link }
  }
  const user = 'userId' in hint ? await userById(db, text) : await userByName(db, text)
  const link = await linkOf(db, user?.id ?? '', clientId)
  const isTaken = 'userId' in hint || askRules.takesHandles
  return { user: isTaken ? user : undefined, link }
}

async function userByName(db: Database, text: string): Promise<User | undefined> {
  const [byHandle, byId] = await Promise.all([userByHandle(db, text), userById(db, text)])
  return byHandle ?? byId
}

const lifeOf = (requested: number | undefined, { lifeMs, longestLifeMs }: AskRules): number =>
  Math.min(requested === undefined ? lifeMs : requested * SECOND, longestLifeMs)
