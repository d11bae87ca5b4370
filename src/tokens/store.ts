import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

export interface Token {
  id: string
  requestId: string
  clientId: string
  userId: string
  /** JSON text of `TokenClaims`. */
  claims: string | null
  state: 'active' | 'revoked'
  issuedAt: number
  expiresAt: number
  revokedAt: number | null
}

export const insertToken = (
  tx: Transaction,
  each: Omit<Token, 'state' | 'revokedAt'> & { hash: Uint8Array; round: number },
) =>
  tx.run(sql`
    insert into tokens (id, hash, request_id, client_id, user_id, claims, state, issued_at, expires_at, round)
    values (${each.id}, ${each.hash}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.claims}, 'active',
            ${each.issuedAt}, ${each.expiresAt}, ${each.round})`)

/** Ends a token. Undefined if it has ended already. */
export const revokeTokenRow = (tx: Transaction, id: string, now: number) =>
  tx.one<Token>(sql`
    update tokens set state = 'revoked', revoked_at = ${now}
     where id = ${id} and state = 'active' and expires_at > ${now}
    returning id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at`)

export async function tokenByHash(db: Database, hash: Uint8Array): Promise<Token | undefined> {
  const [token] = await db.read<Token>(
    sql`
      select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at
        from tokens where hash = ${hash}`,
    twin`
      select n, id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at
        from unnest($1::bytea[]) with ordinality as each (wanted, n) join tokens on hash = wanted`,
  )
  return token
}

export async function tokenById(db: Database, id: string): Promise<Token | undefined> {
  const [token] = await db.read<Token>(sql`
    select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at from tokens where id = ${id}`)
  return token
}

/** Ends all tokens of a request that are good now. */
export const revokeTokensOfRequest = (tx: Transaction, requestId: string, now: number) =>
  tx.all<Token>(sql`
    update tokens set state = 'revoked', revoked_at = ${now}
     where request_id = ${requestId} and state = 'active' and expires_at > ${now}
    returning id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at`)

/** Requests that still give access to an account, by a token or by a family that can bring one. */
export const liveAccessOfUser = (tx: Transaction, userId: string, now: number) =>
  tx.all<{ requestId: string; clientId: string }>(sql`
    select request_id, client_id from tokens
     where user_id = ${userId} and state = 'active' and expires_at > ${now}
     union
    select request_id, client_id from token_families
     where user_id = ${userId} and state = 'active' and expires_at > ${now}`)

/** What an approval gave: its first token, and the family of those that came after it, if there is one. */
export interface Access extends Token {
  familyState: Token['state'] | null
  familyExpiresAt: number | null
  renewedAt: number | null
}

/** One row an approval, however often it was renewed. */
export const accessOfUser = (db: Database, userId: string, limit: number) =>
  db.read<Access>(sql`
    select tokens.id, tokens.request_id, tokens.client_id, tokens.user_id, tokens.claims, tokens.state,
           tokens.issued_at, tokens.expires_at, coalesce(token_families.revoked_at, tokens.revoked_at) as revoked_at,
           token_families.state as family_state, token_families.expires_at as family_expires_at, renewed_at
      from tokens left join token_families on token_families.request_id = tokens.request_id
     where tokens.user_id = ${userId} and tokens.round = 0
       and not exists (select 1 from clients where clients.id = tokens.client_id and mode = 'test')
     order by tokens.id desc limit ${limit}`)

export async function accessOfRequest(db: Database, requestId: string): Promise<Access | undefined> {
  const [access] = await db.read<Access>(sql`
    select tokens.id, tokens.request_id, tokens.client_id, tokens.user_id, tokens.claims, tokens.state,
           tokens.issued_at, tokens.expires_at, coalesce(token_families.revoked_at, tokens.revoked_at) as revoked_at,
           token_families.state as family_state, token_families.expires_at as family_expires_at, renewed_at
      from tokens left join token_families on token_families.request_id = tokens.request_id
     where tokens.request_id = ${requestId} and tokens.round = 0`)
  return access
}

// Families, and the refresh tokens that carry them on

export interface Family {
  requestId: string
  clientId: string
  userId: string
  /** JSON text of `TokenClaims`. */
  claims: string
  tokenLifeMs: number
  round: number
  state: Token['state']
  issuedAt: number
  expiresAt: number
}

export const insertFamily = (tx: Transaction, each: Omit<Family, 'round' | 'state'>) =>
  tx.run(sql`
    insert into token_families (request_id, client_id, user_id, claims, token_life_ms, state, issued_at, expires_at)
    values (${each.requestId}, ${each.clientId}, ${each.userId}, ${each.claims}, ${each.tokenLifeMs}, 'active',
            ${each.issuedAt}, ${each.expiresAt})`)

/** For one who refreshes: of two at the same moment the second waits for the first. */
export const lockFamily = (tx: Transaction, requestId: string) =>
  tx.one<Family>(sql`
    select request_id, client_id, user_id, claims, token_life_ms, round, state, issued_at, expires_at
      from token_families where request_id = ${requestId} /* for update */`)

export const noteRenewal = (tx: Transaction, requestId: string, round: number, now: number) =>
  tx.run(sql`
    update token_families set round = ${round}, renewed_at = ${now} where request_id = ${requestId}`)

/** Ends a family. Undefined if it has ended, or there is none. */
export const revokeFamilyRow = (tx: Transaction, requestId: string, now: number) =>
  tx.one<Pick<Family, 'userId' | 'clientId'>>(sql`
    update token_families set state = 'revoked', revoked_at = ${now}
     where request_id = ${requestId} and state = 'active' and expires_at > ${now}
    returning user_id, client_id`)

export const insertRefreshToken = (
  tx: Transaction,
  each: { hash: Uint8Array; requestId: string; round: number; expiresAt: number },
) =>
  tx.run(sql`
    insert into refresh_tokens (hash, request_id, round, expires_at)
    values (${each.hash}, ${each.requestId}, ${each.round}, ${each.expiresAt})`)

export const refreshTokenInside = (tx: Transaction, hash: Uint8Array) =>
  tx.one<{ requestId: string; round: number }>(sql`
    select request_id, round from refresh_tokens where hash = ${hash}`)

/** The family of a refresh token, with the round that this one is of. */
export async function familyByRefreshToken(db: Database, hash: Uint8Array) {
  const [found] = await db.read<Family & { tokenRound: number }>(sql`
    select family.request_id, client_id, user_id, claims, token_life_ms, family.round, state, issued_at,
           family.expires_at, refresh_tokens.round as token_round
      from refresh_tokens join token_families as family on family.request_id = refresh_tokens.request_id
     where hash = ${hash}`)
  return found
}

/** What came between the first token and the newest, and has ended. */
export const deleteEndedRounds = (tx: Transaction, requestId: string, newest: number, now: number) =>
  tx.run(sql`
    delete from tokens
     where request_id = ${requestId} and round > 0 and round < ${newest} and expires_at <= ${now}`)

export const deleteEndedRefreshTokens = (tx: Transaction, now: number, most: number) =>
  tx.run(sql`
    delete from refresh_tokens
     where hash in (select hash from refresh_tokens where expires_at <= ${now} limit ${most})`)

/** Whether what a request gave can still be renewed. */
export const isFamilyLive = async (tx: Transaction, requestId: string, now: number): Promise<boolean> =>
  (await tx.one(sql`
    select request_id from token_families
     where request_id = ${requestId} and state = 'active' and expires_at > ${now}`)) !== undefined

/** All that is kept of the access that a request gave. */
export async function forgetTokens(tx: Transaction, requestId: string): Promise<void> {
  await tx.run(sql`delete from authorization_codes where request_id = ${requestId}`)
  await tx.run(sql`delete from refresh_tokens where request_id = ${requestId}`)
  await tx.run(sql`delete from token_families where request_id = ${requestId}`)
  await tx.run(sql`delete from tokens where request_id = ${requestId}`)
}

// Signing keys

export interface SigningKeyRow {
  id: string
  publicJwk: string
  sealed: Uint8Array
  /** From then on it signs; before, it is only made known. */
  signsFrom: number
}

export const insertSigningKey = (tx: Transaction, each: SigningKeyRow & { createdAt: number }) =>
  tx.run(sql`
    insert into signing_keys (id, public_jwk, sealed, created_at, signs_from)
    values (${each.id}, ${each.publicJwk}, ${each.sealed}, ${each.createdAt}, ${each.signsFrom})`)

/** Whoever looks for a key, to make one if there is none, waits for another who does the same. */
export const lockSigningKeys = (tx: Transaction) =>
  tx.one(sql`select name from store_facts where name = 'master_key_check' /* for update */`)

/** All there ever were, the newest first. */
export const allSigningKeys = (db: Database) =>
  db.read<SigningKeyRow>(sql`
    select id, public_jwk, sealed, signs_from from signing_keys order by signs_from desc, id desc`)

export const signingKeysInside = (tx: Transaction) =>
  tx.all<SigningKeyRow>(sql`
    select id, public_jwk, sealed, signs_from from signing_keys order by signs_from desc, id desc`)

// Authorization codes (RFC 6749 §4.1.2)

export const insertCode = (
  tx: Transaction,
  each: {
    hash: Uint8Array
    requestId: string
    clientId: string
    userId: string
    redirectUrl: string
    sealed: Uint8Array
    expiresAt: number
  },
) =>
  tx.run(sql`
    insert into authorization_codes (hash, request_id, client_id, user_id, redirect_url, sealed, expires_at)
    values (${each.hash}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.redirectUrl}, ${each.sealed},
            ${each.expiresAt})`)

/** Undefined too when its token has been revoked meanwhile. */
export const codeByHash = (tx: Transaction, hash: Uint8Array) =>
  tx.one<{
    requestId: string
    clientId: string
    userId: string
    redirectUrl: string
    sealed: Uint8Array | null
    expiresAt: number
    usedAt: number | null
  }>(sql`
    select request_id, client_id, user_id, redirect_url, sealed, expires_at, used_at
      from authorization_codes where hash = ${hash}
       and exists (select 1 from tokens where request_id = authorization_codes.request_id and state = 'active')`)

/** Uses up a code; the sealed token leaves with it. */
export const markCodeUsed = (tx: Transaction, hash: Uint8Array, now: number) =>
  tx.run(
    sql`update authorization_codes set used_at = ${now}, sealed = null where hash = ${hash} and used_at is null`,
  )
