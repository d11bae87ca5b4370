import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { parseOutboundUrl, type UrlPolicy } from '#outbound/url.ts'
import type { Transaction } from '#store/database.ts'
import { readTlsSubject } from './certificates.ts'
import { whose } from './edit.ts'
import { CLIENT_ALGS, type ClientAlg, readJwks } from './jwks.ts'
import { linkUser } from './links.ts'
import { faultUnder, isShared } from './profile.ts'
import { type ClientForm, type ClientsContext, type NewClient, registerClient } from './register.ts'
import { isScopeList, scopeList } from './scopes.ts'
import {
  AUTH_METHODS,
  type AuthMethod,
  type Client,
  DELIVERY_MODES,
  type DeliveryMode,
  deleteSecrets,
  type Initiator,
  insertInitiator,
  PROFILES,
  type Profile,
  submitForReview,
  TOKEN_FORMATS,
  type TokenFormat,
  updateInitiator,
} from './store.ts'

/** What an initiator registers beyond an app's own form (CIBA Core 1.0 §4, RFC 7591 §2). */
export interface InitiatorForm {
  /** `poll` if not said. */
  deliveryMode?: string | undefined
  /** Where pings or pushes go. */
  notificationUrl?: string | undefined
  /** `client_secret_basic` if not said. */
  authMethod?: string | undefined
  /** JSON text of a JWK Set of its public keys, or where one lies. */
  jwks?: string | undefined
  jwksUrl?: string | undefined
  /** By what its certificate is known (`tls_client_auth`), `KIND:VALUE`. */
  tlsSubject?: string | undefined
  /** By what it signs its requests; none of them is signed if not said. */
  requestAlg?: string | undefined
  /** What its access tokens are; `jwt` if not said. */
  tokenFormat?: string | undefined
  /** To what its tokens must be bound; it may choose if not said. */
  boundBy?: Initiator['boundBy'] | undefined
  /** Words apart by spaces; `openid` if not said. */
  scope?: string | undefined
  /** Types of `authorization_details` that it may ask for; none if not said. */
  detailTypes?: readonly string[] | undefined
  /** Its users type a code that it shows them. */
  requiresMatchCode?: boolean | undefined
  /** It sends the secret code that a user has set. */
  takesUserCode?: boolean | undefined
  /** The rules that it is held to, whatever the server's are; `core` if not said. */
  profile?: string | undefined
  /** Id of the developer whose app it is. */
  userId?: string | undefined
  /** Ids of users who have linked it already. */
  links?: readonly string[]
  /** Who registers it: its developer, or the operator (if not said). */
  actor?: NewClient['actor']
  /** Which operator registers it. */
  actorId?: string
}

/**
 * Registers an app that asks many users.
 *
 * @throws Refusal `client_metadata_refused`, `notifier_refused`, and what `registerClient` refuses
 */
export async function registerInitiator(
  context: ClientsContext,
  form: ClientForm & InitiatorForm & Pick<NewClient, 'mode'>,
) {
  const metadata = checkMetadata(form, context)
  const also = async (tx: Transaction, clientId: string) => {
    await insertInitiator(tx, { clientId, ...metadata })
    for (const userId of form.links ?? []) {
      await linkUser(tx, { clientId, userId, scopes: metadata.scopes, actor: 'operator' }, context.now())
    }
  }
  return registerClient(
    context,
    { actor: 'operator', ...form, kind: 'initiator', hasSecret: isShared(metadata.authMethod) },
    also,
  )
}

/** What its developer may say of how it makes itself known and gets its results, and of what it asks for. */
export type InitiatorTerms = Omit<InitiatorForm, 'userId' | 'links' | 'actor' | 'actorId'>

/**
 * How an initiator would be with a change, before anything is changed.
 *
 * @throws Refusal `client_metadata_refused`
 */
export function planInitiator(
  context: ClientsContext,
  known: Initiator | undefined,
  terms: InitiatorTerms,
): Omit<Initiator, 'clientId'> {
  const planned = checkMetadata(
    { ...(known && keptOf(known, terms)), ...terms },
    context,
    scopeList(known?.detailTypes ?? ''),
  )
  if (known?.profile === 'fapi' && planned.profile !== 'fapi') {
    return refuse('What is held to the FAPI profile stays so; register another app to be held to less.')
  }
  return planned
}

/** What a change of its terms leaves as it is, unless it says otherwise. */
const keptOf = (known: Initiator, { deliveryMode = known.deliveryMode }: InitiatorTerms) => ({
  deliveryMode,
  // Nothing is sent to one that polls.
  notificationUrl: deliveryMode === 'poll' ? undefined : (known.notificationUrl ?? undefined),
  scope: known.scopes,
  authMethod: known.authMethod,
  jwks: known.jwks ?? undefined,
  jwksUrl: known.jwksUrl ?? undefined,
  tlsSubject: known.tlsSubject ?? undefined,
  requestAlg: known.requestAlg ?? undefined,
  tokenFormat: known.tokenFormat,
  boundBy: known.boundBy,
  detailTypes: scopeList(known.detailTypes),
  requiresMatchCode: known.requiresMatchCode === 1,
  takesUserCode: known.takesUserCode === 1,
  profile: known.profile,
})

/** What its developer confirms by passkey: pushed results go there. */
export const notificationSubject = (clientId: string, notificationUrl: string | null) =>
  `notification ${clientId} ${notificationUrl ?? ''}`

/**
 * Changes how an initiator gets its results. What it may ask for is part of what its users agree to, so more of it goes
 * back to the operator.
 *
 * @param also what else belongs to the change, or there is none
 */
export async function changeInitiator(
  { db, now }: ClientsContext,
  client: Client,
  known: Initiator | undefined,
  planned: Omit<Initiator, 'clientId'>,
  also?: (tx: Transaction) => Promise<void>,
): Promise<void> {
  const at = now()
  const asksForMore = has(known?.scopes, planned.scopes) || has(known?.detailTypes, planned.detailTypes)
  await db.transaction(async (tx) => {
    await also?.(tx)
    if (known) await updateInitiator(tx, { clientId: client.id, ...planned })
    else await insertInitiator(tx, { clientId: client.id, ...planned })
    if (asksForMore) await submitForReview(tx, client.id, at)
    const detail = `${planned.deliveryMode}: ${planned.scopes}`
    await recordEvent(tx, { ...whose(client), kind: 'app_edited', detail, actor: 'user', at })
    if (!known || isKnownAlike(known, planned)) return
    // Nobody comes by a secret any more, so there is none that could be found.
    if (!isShared(planned.authMethod)) await deleteSecrets(tx, client.id)
    const by = planned.authMethod
    await recordEvent(tx, { ...whose(client), kind: 'app_keys_changed', detail: by, actor: 'user', at })
  })
}

/** Whether it makes itself known as before. */
const isKnownAlike = (known: Initiator, planned: Omit<Initiator, 'clientId'>) =>
  (['authMethod', 'jwks', 'jwksUrl', 'tlsSubject'] as const).every((each) => planned[each] === known[each])

/** Whether the second of two lists holds what the first does not. */
const has = (before = '', after = '') => scopeList(after).some((each) => !scopeList(before).includes(each))

function checkMetadata(
  form: InitiatorForm,
  { urlPolicy: policy, profile: server, catalogue }: ClientsContext,
  keptTypes: readonly string[] = [],
): Omit<Initiator, 'clientId'> {
  const {
    deliveryMode = 'poll',
    notificationUrl,
    authMethod = 'client_secret_basic',
    jwks,
    jwksUrl,
    tlsSubject,
    requestAlg,
    tokenFormat = 'jwt',
    boundBy = null,
    scope = 'openid',
    detailTypes = [],
    profile = 'core',
  } = form
  if (!isOneOf(DELIVERY_MODES, deliveryMode)) {
    return refuse(`The delivery mode must be one of ${DELIVERY_MODES.join(', ')}.`)
  }
  if (!isOneOf(AUTH_METHODS, authMethod)) {
    return refuse(`The authentication method must be one of ${AUTH_METHODS.join(', ')}.`)
  }
  if (deliveryMode === 'poll' && notificationUrl !== undefined) {
    return refuse('A client that polls has no notification endpoint.')
  }
  if (deliveryMode !== 'poll' && !notificationUrl) {
    return refuse(`A client of mode ${deliveryMode} needs a notification endpoint.`)
  }
  if (!isScopeList(scope)) {
    return refuse('The scope must be words apart by spaces, without quotes or backslashes (RFC 6749 §3.3).')
  }
  if (jwks && jwksUrl) return refuse('Give either a jwks or a jwks_uri.')
  if (authMethod === 'private_key_jwt' && !jwks && !jwksUrl) {
    return refuse('A client that authenticates by private_key_jwt needs a jwks or a jwks_uri.')
  }
  if (authMethod === 'self_signed_tls_client_auth' && !jwks && !jwksUrl) {
    return refuse(
      'A client of self_signed_tls_client_auth needs a jwks or a jwks_uri with its certificate (x5c).',
    )
  }
  if ((authMethod === 'tls_client_auth') !== (tlsSubject !== undefined)) {
    return refuse('With tls_client_auth, and only then, say by what its certificate is known.')
  }
  if (boundBy === 'certificate' && deliveryMode === 'push') {
    return refuse('Tokens that are pushed cannot be bound to a certificate: nobody shows one then.')
  }
  if (requestAlg !== undefined && !isOneOf(CLIENT_ALGS, requestAlg)) {
    return refuse(`Requests are signed by one of ${CLIENT_ALGS.join(', ')}.`)
  }
  if (requestAlg !== undefined && !jwks && !jwksUrl) {
    return refuse('A client that signs its requests needs a jwks or a jwks_uri.')
  }
  if (!isOneOf(TOKEN_FORMATS, tokenFormat)) {
    return refuse(`The format of access tokens must be one of ${TOKEN_FORMATS.join(', ')}.`)
  }
  if (!isOneOf(PROFILES, profile)) {
    return refuse(`The profile must be one of ${PROFILES.join(', ')}.`)
  }
  if (
    detailTypes.length > 0 &&
    !(isScopeList(detailTypes.join(' ')) && detailTypes.every((each) => /^\S+$/.test(each)))
  ) {
    return refuse('The authorization_details_types must be words without spaces.')
  }
  // What it has already stays, also if the operator's words for it are gone: it is refused when it asks by it.
  const undeclared = detailTypes.find((each) => !catalogue.details.has(each) && !keptTypes.includes(each))
  if (undeclared !== undefined) return refuse(noSuchType(undeclared, catalogue))
  const scopes = scopeList(scope)
  const metadata: Omit<Initiator, 'clientId'> = {
    deliveryMode: deliveryMode as DeliveryMode,
    notificationUrl: notificationUrl ? parseOutboundUrl(notificationUrl, policy).href : null,
    authMethod: authMethod as AuthMethod,
    jwks: jwks ? readJwks(jwks) : null,
    jwksUrl: jwksUrl ? keysAddress(jwksUrl, policy) : null,
    tlsSubject: tlsSubject === undefined ? null : readTlsSubject(tlsSubject),
    requestAlg: (requestAlg as ClientAlg | undefined) ?? null,
    tokenFormat: tokenFormat as TokenFormat,
    boundBy,
    scopes: (scopes.includes('openid') ? scopes : ['openid', ...scopes]).join(' '),
    detailTypes: detailTypes.join(' '),
    requiresMatchCode: form.requiresMatchCode ? 1 : 0,
    takesUserCode: form.takesUserCode ? 1 : 0,
    profile: profile as Profile,
  }
  const fault = faultUnder(server, metadata)
  return fault === undefined ? metadata : refuse(fault)
}

const noSuchType = (type: string, { details }: ClientsContext['catalogue']): string =>
  details.size > 0
    ? `This server has no authorization_details of type ${type}; there are ${[...details.keys()].join(', ')}.`
    : `This server has no authorization_details, so none of type ${type}. Its operator declares them in COUNTERSIGN_AUTHORIZATION_DETAILS.`

/** The rules are those of every address that we call; what is said of one names it. */
function keysAddress(text: string, policy: UrlPolicy): string {
  try {
    return parseOutboundUrl(text, policy).href
  } catch (fault) {
    if (!(fault instanceof Refusal)) throw fault
    return refuse(fault.message.replace(/^.*?:/, 'The jwks_uri may not be used:'))
  }
}

const isOneOf = (words: readonly string[], word: string) => words.includes(word)

function refuse(detail: string): never {
  throw new Refusal('client_metadata_refused', { detail })
}
