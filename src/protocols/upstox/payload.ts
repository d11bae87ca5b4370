import type { IssuedToken } from '#requests/context.ts'

/** The body of the notifier webhook: seven fields, all of them strings, times in epoch milliseconds. */
export const upstoxPayload = ({
  clientId,
  userId,
  accessToken,
  issuedAt,
  expiresAt,
}: IssuedToken): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      client_id: clientId,
      user_id: userId,
      access_token: accessToken,
      token_type: 'Bearer',
      expires_at: String(expiresAt),
      issued_at: String(issuedAt),
      message_type: 'access_token',
    }),
  )
