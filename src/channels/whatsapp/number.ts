import { request } from 'undici'
import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { WhatsappSettings } from './channel.ts'

const PATIENCE_MS = 5 * SECOND

/** What Meta has on record of our number. */
export interface NumberRecord {
  id?: string
  display_phone_number?: string
  verified_name?: string
  quality_rating?: string
  error?: { code?: number }
}

/** Reads the number's own record: that takes the same token and the same id as sending does, and tells nobody. */
export async function readNumber({ apiUrl, apiVersion, phoneNumberId, accessToken }: WhatsappSettings) {
  const fields = 'display_phone_number,verified_name,quality_rating'
  const url = `${apiUrl.replace(/\/+$/, '')}/${apiVersion}/${phoneNumberId}?fields=${fields}`
  const answer = await request(url, {
    headers: { authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  const record = (await answer.body.json().catch(() => undefined)) as NumberRecord | undefined
  return { status: answer.statusCode, date: answer.headers.date, record }
}

/**
 * The number that users write to, digits alone: the one that is set, or the one that Meta says, asked once.
 *
 * @throws Refusal `channel_unavailable` while Meta does not say
 */
export function ownNumber(settings: WhatsappSettings): () => Promise<string> {
  let known = settings.number
  return async () => {
    // The fault itself is not shown: a header that cannot be sent is quoted in it, and it holds the token.
    known ??= await readNumber(settings).then(
      ({ record }) => record?.display_phone_number?.replace(/\D/g, '') || undefined,
      () => undefined,
    )
    if (!known) throw new Refusal('channel_unavailable')
    return known
  }
}
