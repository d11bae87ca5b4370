import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { Refusal } from '#base/errors.ts'
import { codeMac } from '#clients/link-codes.ts'
import { linkUser } from '#clients/links.ts'
import { type ClientLink, settleLinkCode } from '#clients/store.ts'
import { confirmOptions, requireConfirmation } from '#users/confirm.ts'
import { type LinkAsk, type LinkContext, type LinkOffer, offerLink } from './link-offer.ts'
import { redirectWith } from './redirect.ts'
import { welcomeAnew } from './standing.ts'

/**
 * Asks for the passkey of a user who is about to link an app as it was shown to them.
 *
 * @throws Refusal `approval_changed` when it is another one by now, and as `offerLink`
 */
export async function confirmLink(context: LinkContext, userId: string, ask: LinkAsk, shown: string) {
  const offer = await requireShown(context, userId, ask, shown)
  return confirmOptions(context, userId, subjectOf(offer))
}

/**
 * Links an app to a user, who agrees by passkey to what was shown. From then on it may ask them.
 *
 * @returns where their browser goes, if the app had sent it
 * @throws Refusal `approval_changed`, `passkey_needed`, `assertion_refused`, and as `offerLink`
 */
export async function agreeToLink(
  context: LinkContext,
  userId: string,
  ask: LinkAsk,
  { shown, credential }: { shown: string; credential: AuthenticationResponseJSON | undefined },
): Promise<{ link: ClientLink; redirectTo: string | null }> {
  const { db, now, vault, site } = context
  const offer = await requireShown(context, userId, ask, shown)
  const confirm = await requireConfirmation(context, userId, subjectOf(offer), credential)
  const { id: clientId } = offer.client
  const link = await db.transaction(async (tx) => {
    await confirm(tx)
    if (ask.code !== undefined) {
      const used = await settleLinkCode(tx, codeMac(vault, ask.code), { state: 'linked', userId }, now())
      if (!used) throw new Refusal('link_code_wrong')
    }
    await welcomeAnew(tx, { userId, clientId }, now())
    return linkUser(tx, { clientId, userId, scopes: offer.scopes.join(' '), actor: 'user' }, now())
  })
  const answer = {
    link_id: link.subject,
    scope: link.scopes,
    ...(offer.toldHandle === null ? {} : { login_hint: offer.toldHandle }),
    // Says whose answer it is (RFC 9207).
    iss: site.origin,
  }
  return { link, redirectTo: redirectOf(ask, answer) }
}

/**
 * The user would rather not. A code is used up by it.
 *
 * @returns where their browser goes, if the app had sent it
 */
export async function declineLink(
  context: LinkContext,
  userId: string,
  ask: LinkAsk,
): Promise<string | null> {
  const { db, now, vault, site } = context
  // An address that is not the app's own is gone to by nobody, also not with a no.
  await offerLink(context, userId, ask)
  const { code } = ask
  if (code !== undefined) {
    await db.transaction((tx) =>
      settleLinkCode(tx, codeMac(vault, code), { state: 'declined', userId: null }, now()),
    )
  }
  return redirectOf(ask, { error: 'access_denied', iss: site.origin })
}

async function requireShown(context: LinkContext, userId: string, ask: LinkAsk, shown: string) {
  const offer = await offerLink(context, userId, ask)
  if (offer.shown !== shown) throw new Refusal('approval_changed')
  return offer
}

const subjectOf = ({ client, shown }: LinkOffer): string => `link:${client.id}:${shown}`

const redirectOf = ({ redirectUrl, state }: LinkAsk, answer: Record<string, string>) =>
  redirectWith({ redirectUrl: redirectUrl ?? null, redirectState: state ?? null }, answer)
