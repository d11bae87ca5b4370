import { hash, randomBytes } from 'node:crypto'
import { canonicalJson } from '#base/json.ts'
import { wordsFor } from '#clients/catalogue.ts'
import type { Client } from '#clients/store.ts'
import type { Transaction } from '#store/database.ts'
import { userInside } from '#users/store.ts'
import type { RequestContext } from './context.ts'
import { shownDetails } from './details.ts'
import type { TokenRequest } from './store.ts'
import { renewableUntil, termsOf } from './terms.ts'

/**
 * What a user is shown of a request, and so what they sign: every field that the decision rests on, in the one spelling
 * of RFC 8785. The page renders these fields alone; a change of any of them after display voids the approval.
 *
 * @param withheld numbers of the details that the user does not give
 */
export async function approvalText(
  tx: Transaction,
  { catalogue }: Pick<RequestContext, 'catalogue'>,
  { request, client }: { request: TokenRequest; client: Client },
  withheld: readonly number[] = [],
): Promise<string> {
  const { scopes, resources, details, isMatched, bindingMessage, requestContext, pushUrl } = termsOf(request)
  return canonicalJson({
    v: 1,
    decision: 'approve',
    request_id: request.id,
    client_id: client.id,
    client_name: client.name,
    client_kind: client.kind,
    owner_name: await ownerOf(tx, client),
    user_id: request.userId,
    scopes: wordsFor(catalogue, scopes).map(({ scope, texts, isDangerous }) => ({
      scope,
      texts,
      dangerous: isDangerous,
    })),
    resources,
    authorization_details: shownDetails(details, catalogue.details, withheld),
    match_code: isMatched,
    binding_message: bindingMessage,
    request_context: requestContext,
    reason: request.reason,
    from: request.address,
    notifier_url: request.delivery === 'notifier' ? client.notifierUrl : pushUrl,
    notifier_changed_at: request.delivery === 'notifier' ? client.notifierChangedAt : null,
    redirect_url: request.redirectUrl,
    requested_at: request.requestedAt,
    expires_at: request.expiresAt,
    token_expires_at: request.tokenExpiresAt,
    renewable_until: renewableUntil(request),
  })
}

/** Who runs an app that asks many users; of one's own app there is nothing to say, nor of one that the operator made. */
async function ownerOf(tx: Transaction, { kind, userId }: Client): Promise<string | null> {
  if (kind === 'individual' || userId === null) return null
  const owner = await userInside(tx, userId)
  return owner ? (owner.name ?? owner.handle) : null
}

export const newNonce = (): Buffer => randomBytes(32)

/**
 * The WebAuthn challenge that stands for what was shown:
 * `SHA-256("countersign-approval-v1" ‖ 0x00 ‖ nonce ‖ SHA-256(approval))`.
 *
 * @returns base64url, as `clientDataJSON` will hold it
 */
export function approvalChallenge(approval: string, nonce: Uint8Array): string {
  const shown = hash('sha256', approval, 'buffer')
  return hash('sha256', Buffer.concat([DOMAIN, nonce, shown]), 'base64url')
}

const DOMAIN = Buffer.from('countersign-approval-v1\0')
