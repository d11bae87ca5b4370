import { Refusal } from '#base/errors.ts'
import { parseOutboundUrl, type UrlPolicy } from '#outbound/url.ts'
import type { Transaction } from '#store/database.ts'
import { linkUser } from './links.ts'
import { type ClientForm, type ClientsContext, type NewClient, registerClient } from './register.ts'
import { isScopeList, scopeList } from './scopes.ts'
import {
  AUTH_METHODS,
  type AuthMethod,
  DELIVERY_MODES,
  type DeliveryMode,
  type Initiator,
  insertInitiator,
} from './store.ts'

/** What an initiator registers beyond an app's own form (CIBA Core 1.0 §4, RFC 7591 §2). */
export interface InitiatorForm {
  /** `poll` if not said. */
  deliveryMode?: string | undefined
  /** Where pings or pushes go. */
  notificationUrl?: string | undefined
  /** `client_secret_basic` if not said. */
  authMethod?: string | undefined
  /** Words apart by spaces; `openid` if not said. */
  scope?: string | undefined
  /** Id of the developer whose app it is. */
  userId?: string | undefined
  /** Ids of users who have linked it already. */
  links?: readonly string[]
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
  const metadata = checkMetadata(form, context.urlPolicy)
  const also = async (tx: Transaction, clientId: string) => {
    await insertInitiator(tx, { clientId, ...metadata })
    for (const userId of form.links ?? []) {
      await linkUser(tx, { clientId, userId, scopes: metadata.scopes, actor: 'operator' }, context.now())
    }
  }
  return registerClient(context, { ...form, kind: 'initiator', actor: 'operator' }, also)
}

function checkMetadata(form: InitiatorForm, policy: UrlPolicy): Omit<Initiator, 'clientId'> {
  const {
    deliveryMode = 'poll',
    notificationUrl,
    authMethod = 'client_secret_basic',
    scope = 'openid',
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
  const scopes = scopeList(scope)
  return {
    deliveryMode: deliveryMode as DeliveryMode,
    notificationUrl: notificationUrl ? parseOutboundUrl(notificationUrl, policy).href : null,
    authMethod: authMethod as AuthMethod,
    scopes: (scopes.includes('openid') ? scopes : ['openid', ...scopes]).join(' '),
  }
}

const isOneOf = (words: readonly string[], word: string) => words.includes(word)

function refuse(detail: string): never {
  throw new Refusal('client_metadata_refused', { detail })
}
