import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

export interface User {
  id: string
  handle: string
  name: string | null
  state: 'active' | 'disabled'
}

export const insertUser = (
  tx: Transaction,
  { id, handle, name, createdAt }: { id: string; handle: string; name: string | null; createdAt: number },
) =>
  tx.one<{ id: string }>(sql`
    insert into users (id, handle, name, state, created_at)
    values (${id}, ${handle}, ${name}, 'active', ${createdAt})
    on conflict do nothing
    returning id`)

export async function userById(db: Database, id: string): Promise<User | undefined> {
  const [user] = await db.read<User>(sql`select id, handle, name, state from users where id = ${id}`)
  return user
}

export async function userByHandle(db: Database, handle: string): Promise<User | undefined> {
  const [user] = await db.read<User>(sql`select id, handle, name, state from users where handle = ${handle}`)
  return user
}

// Enrolment links

export const insertEnrolment = (
  tx: Transaction,
  each: { tokenHash: Uint8Array; userId: string; createdAt: number; expiresAt: number },
) =>
  tx.run(sql`
    insert into enrolments (token_hash, user_id, created_at, expires_at)
    values (${each.tokenHash}, ${each.userId}, ${each.createdAt}, ${each.expiresAt})`)

/** The account that an unused link is for. */
export async function userOfEnrolment(
  db: Database,
  tokenHash: Uint8Array,
  now: number,
): Promise<User | undefined> {
  const [user] = await db.read<User>(sql`
    select users.id, handle, name, state
      from enrolments join users on users.id = enrolments.user_id
     where token_hash = ${tokenHash} and used_at is null and expires_at > ${now} and users.state = 'active'`)
  return user
}

/** Uses up a link. Of two at the same moment one gets the row. */
export const useEnrolment = (tx: Transaction, tokenHash: Uint8Array, now: number) =>
  tx.one<{ userId: string }>(sql`
    update enrolments set used_at = ${now}
     where token_hash = ${tokenHash} and used_at is null and expires_at > ${now}
    returning user_id`)

// Challenges

export type ChallengePurpose = 'enrol' | 'sign_in' | 'add_passkey' | 'confirm'

export const insertChallenge = (
  tx: Transaction,
  each: {
    challenge: string
    purpose: ChallengePurpose
    userId: string | null
    /** What exactly is confirmed. */
    subject?: string
    expiresAt: number
  },
) =>
  tx.run(sql`
    insert into challenges (challenge, purpose, user_id, subject, expires_at)
    values (${each.challenge}, ${each.purpose}, ${each.userId}, ${each.subject ?? null}, ${each.expiresAt})`)

/** Uses up a challenge; the second answer to it finds none. */
export const takeChallenge = (tx: Transaction, challenge: string, purpose: ChallengePurpose, now: number) =>
  tx.one<{ userId: string | null; subject: string | null }>(sql`
    delete from challenges
     where challenge = ${challenge} and purpose = ${purpose} and expires_at > ${now}
    returning user_id, subject`)

export const deleteOldChallenges = (tx: Transaction, now: number) =>
  tx.run(sql`delete from challenges where expires_at <= ${now}`)

// Passkeys

export interface Passkey {
  id: string
  userId: string
  credentialId: string
  publicKey: Uint8Array
  signCount: number
  /** JSON list of `AuthenticatorTransport`s. */
  transports: string
  label: string
  isSynced: number
  createdAt: number
  lastUsedAt: number | null
}

export const insertPasskey = (tx: Transaction, each: Passkey) =>
  tx.one<{ id: string }>(sql`
    insert into passkeys (id, user_id, credential_id, public_key, sign_count, transports, label, is_synced, created_at)
    values (${each.id}, ${each.userId}, ${each.credentialId}, ${each.publicKey}, ${each.signCount},
            ${each.transports}, ${each.label}, ${each.isSynced}, ${each.createdAt})
    on conflict do nothing
    returning id`)

export const passkeysOfUser = (db: Database, userId: string) =>
  db.read<Passkey>(sql`
    select id, user_id, credential_id, public_key, sign_count, transports, label, is_synced, created_at, last_used_at
      from passkeys where user_id = ${userId} order by id`)

export async function passkeyByCredential(db: Database, credentialId: string): Promise<Passkey | undefined> {
  const [passkey] = await db.read<Passkey>(sql`
    select id, user_id, credential_id, public_key, sign_count, transports, label, is_synced, created_at, last_used_at
      from passkeys where credential_id = ${credentialId}`)
  return passkey
}

export const notePasskeyUse = (tx: Transaction, id: string, signCount: number, now: number) =>
  tx.run(sql`update passkeys set sign_count = ${signCount}, last_used_at = ${now} where id = ${id}`)

/** Removes a passkey, but never the last one of an account. */
export async function deletePasskey(tx: Transaction, id: string, userId: string): Promise<number> {
  // Of two removals at the same moment the second must see what the first has left.
  await tx.one(sql`select id from users where id = ${userId} /* for update */`)
  return tx.run(sql`
    delete from passkeys
     where id = ${id} and user_id = ${userId}
       and exists (select 1 from passkeys as other where other.user_id = ${userId} and other.id <> ${id})`)
}

// Sessions

export interface Session {
  id: string
  userId: string
  userAgent: string | null
  address: string | null
  createdAt: number
  lastSeenAt: number
  expiresAt: number
}

export const insertSession = (tx: Transaction, each: Session & { secretHash: Uint8Array }) =>
  tx.run(sql`
    insert into sessions (id, secret_hash, user_id, user_agent, address, created_at, last_seen_at, expires_at)
    values (${each.id}, ${each.secretHash}, ${each.userId}, ${each.userAgent}, ${each.address},
            ${each.createdAt}, ${each.lastSeenAt}, ${each.expiresAt})`)

/** A session that has neither ended nor gone to sleep, with its user. */
export async function sessionBySecret(db: Database, secretHash: Uint8Array, now: number, seenAfter: number) {
  const [session] = await db.read<Session & { handle: string; name: string | null }>(sql`
    select sessions.id, user_id, user_agent, address, sessions.created_at, last_seen_at, expires_at, handle, name
      from sessions join users on users.id = sessions.user_id
     where secret_hash = ${secretHash} and expires_at > ${now} and last_seen_at > ${seenAfter} and users.state = 'active'`)
  return session
}

export const noteSessionSeen = (tx: Transaction, id: string, now: number) =>
  tx.run(sql`update sessions set last_seen_at = ${now} where id = ${id}`)

export const sessionsOfUser = (db: Database, userId: string, now: number, seenAfter: number) =>
  db.read<Session>(sql`
    select id, user_id, user_agent, address, created_at, last_seen_at, expires_at
      from sessions where user_id = ${userId} and expires_at > ${now} and last_seen_at > ${seenAfter} order by id`)

export const deleteSession = (tx: Transaction, id: string, userId: string) =>
  tx.run(sql`delete from sessions where id = ${id} and user_id = ${userId}`)

export const deleteOldSessions = (tx: Transaction, now: number) =>
  tx.run(sql`delete from sessions where expires_at <= ${now}`)
