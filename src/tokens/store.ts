import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

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
  each: Omit<Token, 'state' | 'revokedAt'> & { hash: Uint8Array },
) =>
  tx.run(sql`
    insert into tokens (id, hash, request_id, client_id, user_id, claims, state, issued_at, expires_at)
    values (${each.id}, ${each.hash}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.claims}, 'active',
            ${each.issuedAt}, ${each.expiresAt})`)

/** Ends a token. Undefined if it has ended already. */
export const revokeTokenRow = (tx: Transaction, id: string, now: number) =>
  tx.one<Token>(sql`
    update tokens set state = 'revoked', revoked_at = ${now}
     where id = ${id} and state = 'active' and expires_at > ${now}
    returning id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at`)

export async function tokenByHash(db: Database, hash: Uint8Array): Promise<Token | undefined> {
  const [token] = await db.read<Token>(sql`
    select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at from tokens where hash = ${hash}`)
  return token
}

/** The newest one: a refresh brings more. */
export async function tokenOfRequest(db: Database, requestId: string): Promise<Token | undefined> {
  const [token] = await db.read<Token>(sql`
    select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at
      from tokens where request_id = ${requestId} order by round desc limit 1`)
  return token
}

export async function tokenById(db: Database, id: string): Promise<Token | undefined> {
  const [token] = await db.read<Token>(sql`
    select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at from tokens where id = ${id}`)
  return token
}

/** Those that are good now. */
export const liveTokensOfUser = (tx: Transaction, userId: string, now: number) =>
  tx.all<Pick<Token, 'id' | 'requestId'>>(sql`
    select id, request_id from tokens where user_id = ${userId} and state = 'active' and expires_at > ${now}`)

export const tokensOfUser = (db: Database, userId: string, limit: number) =>
  db.read<Token>(sql`
    select id, request_id, client_id, user_id, claims, state, issued_at, expires_at, revoked_at
      from tokens where user_id = ${userId}
       and not exists (select 1 from clients where clients.id = client_id and mode = 'test')
     order by id desc limit ${limit}`)

export const activeTokensOfRequest = (tx: Transaction, requestId: string) =>
  tx.all<{ id: string }>(sql`select id from tokens where request_id = ${requestId} and state = 'active'`)

// Signing keys

/** What a client has of a user now. */
export const activeTokensOfPair = (tx: Transaction, userId: string, clientId: string, now: number) =>
  tx.all<{ id: string; requestId: string }>(sql`
    select id, request_id from tokens
     where user_id = ${userId} and client_id = ${clientId} and state = 'active' and expires_at > ${now}`)

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
      from authorization_codes where hash = ${hash}`)

/** Uses up a code; the sealed token leaves with it. */
export const markCodeUsed = (tx: Transaction, hash: Uint8Array, now: number) =>
  tx.run(
    sql`update authorization_codes set used_at = ${now}, sealed = null where hash = ${hash} and used_at is null`,
  )
