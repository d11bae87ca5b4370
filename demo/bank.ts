import { createRemoteJWKSet, jwtVerify } from 'jose'

/**
 * A bank as small as can be: it takes no agent's word, only a token that Countersign issued for its user, for payments
 * (RFC 9068 §4). A real one would keep the money somewhere.
 *
 * @param countersign origin of the server whose tokens it takes
 */
export function createBank(countersign: string) {
  const keys = createRemoteJWKSet(new URL(`${countersign}/jwks`))
  const paid: { by: string; to: string; amount: number }[] = []
  return {
    paid,
    /** @throws an error of `jose` when the token is not good */
    async pay(payment: { to: string; amount: number }, accessToken: string): Promise<string> {
      const rule = { issuer: countersign, audience: countersign, typ: 'at+jwt' }
      const { payload } = await jwtVerify(accessToken, keys, rule)
      if (!String(payload.scope).split(' ').includes('payments')) return 'This token is not for payments.'
      paid.push({ by: String(payload.sub), ...payment })
      return `Paid ${payment.amount} to ${payment.to}.`
    },
  }
}
