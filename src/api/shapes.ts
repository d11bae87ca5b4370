import { Type } from '#base/schema.ts'
import { OUTCOMES } from '#clients/store.ts'

/** An id in the path. */
export const Id = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }) })

/** WebAuthn's own JSON, whose fields the WebAuthn library reads with care; here only what we read ourselves. */
export const Credential = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 2_000 }),
  rawId: Type.String({ minLength: 1, maxLength: 2_000 }),
  type: Type.Literal('public-key'),
  clientExtensionResults: Type.Optional(Type.Object({})),
  response: Type.Object({ clientDataJSON: Type.String({ minLength: 1, maxLength: 8_000 }) }),
})

/** What a user calls a passkey. */
export const Label = Type.Optional(Type.String({ maxLength: 60 }))
export const labelOf = (label: string | undefined) => label?.replace(/\p{C}/gu, '').trim() || 'Passkey'

/** A JWK (RFC 7517); its members are read where the key is judged. */
export const Jwk = Type.Object({ kty: Type.String({ maxLength: 10 }) })

const Pem = Type.Optional(Type.Union([Type.String({ maxLength: 40_000 }), Type.Null()]))

/** TLS of an app's own with its endpoint; all of it PEM. */
export const Tls = Type.Object({ certificate: Pem, private_key: Pem, ca: Pem })

export const Mode = Type.Union([Type.Literal('live'), Type.Literal('test')])

/** What a person may do, played in test mode. */
export const Simulated = Type.Union(OUTCOMES.map((each) => Type.Literal(each)))
/** Text of plain characters without spaces. */
export const Printable = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '^[!-~]+$' })

/** Where the last page ended. */
export const Cursor = Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' }))

/** What a person types into a search, as a pattern for `like … escape '!'` on lower case. */
export const likePattern = (text: string) => `%${text.trim().toLowerCase().replace(/[!%_]/g, '!$&')}%`

/** Types of `authorization_details` (RFC 9396 §10). */
export const DetailTypes = Type.Array(Printable(100), { maxItems: 50 })
