import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

export interface User {
  id: string
  handle: string
  name: string | null
  state: 'active' | 'disabled'
  role: Role
}

/** A user as others wait for. */
export interface LockedUser extends User {
  /** The last time; what was approved before then is over. */
  disabledAt: number | null
}

export const ROLES = ['owner', 'operator', 'auditor'] as const
/** operator: runs the server by its pages. auditor: sees what operators see, and changes nothing. */
export type Role = (typeof ROLES)[number]

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
  const [user] = await db.read<User>(
    sql`select id, handle, name, state, role from users where id = ${id}`,
    twin`
      select n, id, handle, name, state, role
        from unnest($1::text[]) with ordinality as each (wanted, n) join users on id = wanted`,
  )
  return user
}

/** The same inside a transaction. */
export const userInside = (tx: Transaction, id: string) =>
  tx.one<User>(sql`select id, handle, name, state, role from users where id = ${id}`)

/** The same inside a transaction, and nobody else changes it before that ends. */
export const lockUser = (tx: Transaction, id: string) =>
  tx.one<LockedUser>(sql`
    select id, handle, name, state, role, disabled_at from users where id = ${id} /* for update */`)

export async function userByHandle(db: Database, handle: string): Promise<User | undefined> {
  const [user] = await db.read<User>(
    sql`select id, handle, name, state, role from users where handle = ${handle}`,
    twin`
      select n, id, handle, name, state, role
        from unnest($1::text[]) with ordinality as each (wanted, n) join users on handle = wanted`,
  )
  return user
}

export const disableUserAt = (tx: Transaction, id: string, now: number) =>
  tx.one<{ id: string }>(sql`
    update users set state = 'disabled', disabled_at = ${now} where id = ${id} and state = 'active' returning id`)

export const enableUserAgain = (tx: Transaction, id: string) =>
  tx.one<{ id: string }>(sql`
    update users set state = 'active' where id = ${id} and state = 'disabled' returning id`)

// Roles

/** Operators who can act. It stays true for the rest of the transaction: others that ask wait. */
export const lockOperators = (tx: Transaction) =>
  tx.all<{ id: string }>(sql`
    select id from users where role = 'operator' and state = 'active' order by id /* for update */`)

export const setUserRole = (tx: Transaction, id: string, role: Role) =>
  tx.run(sql`update users set role = ${role} where id = ${id}`)

// For operators

export interface UserRow extends User {
  createdAt: number
  passkeys: number
  lastSeenAt: number | null
}

/**
 * Those whose handle, name or id holds a text, the newest first.
 *
 * @param pattern lower case, for `like`, with `!` before what is meant as it stands
 */
export const usersLike = (db: Database, pattern: string, before: string, limit: number) =>
  db.read<UserRow>(sql`
    select id, handle, name, state, role, created_at,
           (select count(*) from passkeys where user_id = users.id) as passkeys,
           (select max(last_seen_at) from sessions where user_id = users.id) as last_seen_at
      from users
     where id < ${before}
       and (lower(handle) like ${pattern} escape '!' or lower(name) like ${pattern} escape '!'
            or lower(id) like ${pattern} escape '!')
     order by id desc limit ${limit}`)

/** Those with a role beyond their own account. */
export const usersWithRole = (db: Database) =>
  db.read<UserRow>(sql`
    select id, handle, name, state, role, created_at,
           (select count(*) from passkeys where user_id = users.id) as passkeys,
           (select max(last_seen_at) from sessions where user_id = users.id) as last_seen_at
      from users where role <> 'owner' order by role, id limit 200`)

// Enrolment links

export const insertEnrolment = (
  tx: Transaction,
  each: { tokenHash: Uint8Array; userId: string; createdAt: number; worksAt: number; expiresAt: number },
) =>
  tx.run(sql`
    insert into enrolments (token_hash, user_id, created_at, works_at, expires_at)
    values (${each.tokenHash}, ${each.userId}, ${each.createdAt}, ${each.worksAt}, ${each.expiresAt})`)

/** The link of a user that was neither used nor has ended. There is one at most. */
export async function openEnrolment(db: Database, userId: string, now: number) {
  const [link] = await db.read<{ createdAt: number; worksAt: number; expiresAt: number }>(sql`
    select created_at, works_at, expires_at
      from enrolments where user_id = ${userId} and used_at is null and expires_at > ${now}
     order by created_at desc limit 1`)
  return link
}

/** Takes back the links of a user that were not used. */
export const deleteEnrolments = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from enrolments where user_id = ${userId} and used_at is null`)

/** The account that an unused link is for. */
export async function userOfEnrolment(db: Database, tokenHash: Uint8Array, now: number) {
  const [user] = await db.read<User & { worksAt: number }>(sql`
    select users.id, handle, name, state, role, works_at
      from enrolments join users on users.id = enrolments.user_id
     where token_hash = ${tokenHash} and used_at is null and expires_at > ${now} and users.state = 'active'`)
  return user
}

/** Uses up a link. Of two at the same moment one gets the row. */
export const useEnrolment = (tx: Transaction, tokenHash: Uint8Array, now: number) =>
  tx.one<{ userId: string }>(sql`
    update enrolments set used_at = ${now}
     where token_hash = ${tokenHash} and used_at is null and works_at <= ${now} and expires_at > ${now}
    returning user_id`)

// The secret code by which apps show that it is the user who has them ask

export const putUserCode = (
  tx: Transaction,
  { userId, mac, setAt }: { userId: string; mac: string; setAt: number },
) =>
  tx.run(sql`
    insert into user_codes (user_id, mac, set_at) values (${userId}, ${mac}, ${setAt})
    on conflict (user_id) do update set mac = excluded.mac, set_at = excluded.set_at`)

export const userCodeInside = (tx: Transaction, userId: string) =>
  tx.one<{ mac: string }>(sql`select mac from user_codes where user_id = ${userId}`)

export async function userCodeOf(db: Database, userId: string): Promise<{ setAt: number } | undefined> {
  const [code] = await db.read<{ setAt: number }>(
    sql`select set_at from user_codes where user_id = ${userId}`,
  )
  return code
}

/** @returns 0 when there was none */
export const deleteUserCode = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from user_codes where user_id = ${userId}`)

// Recovery codes

export const insertRecoveryCode = (
  tx: Transaction,
  each: { codeHash: Uint8Array; userId: string; createdAt: number },
) =>
  tx.run(sql`
    insert into recovery_codes (code_hash, user_id, created_at)
    values (${each.codeHash}, ${each.userId}, ${each.createdAt})`)

export const deleteRecoveryCodes = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from recovery_codes where user_id = ${userId}`)

/** How many codes of a user are still good, and since when they have them. */
export async function recoveryCodesOfUser(db: Database, userId: string) {
  const [row] = await db.read<{ left: number; madeAt: number | null }>(sql`
    select count(*) as "left", max(created_at) as made_at
      from recovery_codes where user_id = ${userId} and used_at is null`)
  return row ?? { left: 0, madeAt: null }
}

/** The account that an unused code is for. */
export async function userOfRecoveryCode(db: Database, codeHash: Uint8Array): Promise<User | undefined> {
  const [user] = await db.read<User>(sql`
    select users.id, handle, name, state, role
      from recovery_codes join users on users.id = recovery_codes.user_id
     where code_hash = ${codeHash} and used_at is null and users.state = 'active'`)
  return user
}

/** Uses up a code. Of two at the same moment one gets the row. */
export const useRecoveryCode = (tx: Transaction, codeHash: Uint8Array, now: number) =>
  tx.one<{ userId: string }>(sql`
    update recovery_codes set used_at = ${now}
     where code_hash = ${codeHash} and used_at is null
    returning user_id`)

// Challenges

export type ChallengePurpose = 'enrol' | 'sign_in' | 'add_passkey' | 'confirm' | 'recover'

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

export const deleteOldChallenges = (tx: Transaction, now: number, most: number) =>
  tx.run(sql`
    delete from challenges
     where challenge in (select challenge from challenges where expires_at <= ${now} limit ${most})`)

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

/** How many passkeys a user has, inside a transaction. */
export async function passkeysInside(tx: Transaction, userId: string): Promise<number> {
  const row = await tx.one<{ count: number }>(
    sql`select count(*) as count from passkeys where user_id = ${userId}`,
  )
  return row?.count ?? 0
}

export async function passkeyByCredential(db: Database, credentialId: string): Promise<Passkey | undefined> {
  const [passkey] = await db.read<Passkey>(sql`
    select id, user_id, credential_id, public_key, sign_count, transports, label, is_synced, created_at, last_used_at
      from passkeys where credential_id = ${credentialId}`)
  return passkey
}

export const notePasskeyUse = (tx: Transaction, id: string, signCount: number, now: number) =>
  tx.run(sql`update passkeys set sign_count = ${signCount}, last_used_at = ${now} where id = ${id}`)

export const deletePasskeysOfUser = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from passkeys where user_id = ${userId}`)

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
  /** When a passkey last said that it is its user; null while only the operator's sign-in provider has. */
  passkeyAt: number | null
}

export const insertSession = (tx: Transaction, each: Session & { secretHash: Uint8Array }) =>
  tx.run(sql`
    insert into sessions (id, secret_hash, user_id, user_agent, address, created_at, last_seen_at, expires_at,
                          passkey_at)
    values (${each.id}, ${each.secretHash}, ${each.userId}, ${each.userAgent}, ${each.address},
            ${each.createdAt}, ${each.lastSeenAt}, ${each.expiresAt}, ${each.passkeyAt})`)

/** A session that has neither ended nor gone to sleep, with its user. */
export async function sessionBySecret(db: Database, secretHash: Uint8Array, now: number, seenAfter: number) {
  const [session] = await db.read<Session & Pick<User, 'handle' | 'name' | 'role'>>(sql`
    select sessions.id, user_id, user_agent, address, sessions.created_at, last_seen_at, expires_at, passkey_at, handle,
           name, role
      from sessions join users on users.id = sessions.user_id
     where secret_hash = ${secretHash} and expires_at > ${now} and last_seen_at > ${seenAfter} and users.state = 'active'`)
  return session
}

export const noteSessionSeen = (tx: Transaction, id: string, now: number) =>
  tx.run(sql`update sessions set last_seen_at = ${now} where id = ${id}`)

export const sessionsOfUser = (db: Database, userId: string, now: number, seenAfter: number) =>
  db.read<Session>(sql`
    select id, user_id, user_agent, address, created_at, last_seen_at, expires_at, passkey_at
      from sessions where user_id = ${userId} and expires_at > ${now} and last_seen_at > ${seenAfter} order by id`)

export const deleteSession = (tx: Transaction, id: string, userId: string) =>
  tx.run(sql`delete from sessions where id = ${id} and user_id = ${userId}`)

export const notePasskeySeen = (tx: Transaction, id: string, now: number) =>
  tx.run(sql`update sessions set passkey_at = ${now}, last_seen_at = ${now} where id = ${id}`)

export const deleteSessionsOfUser = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from sessions where user_id = ${userId}`)

export const deleteAllSessions = (tx: Transaction) => tx.run(sql`delete from sessions`)

export const deleteOldSessions = (tx: Transaction, now: number, most: number) =>
  tx.run(
    sql`delete from sessions where id in (select id from sessions where expires_at <= ${now} limit ${most})`,
  )

// The operator's own sign-in provider

export const insertProviderSignIn = (
  tx: Transaction,
  each: { stateHash: Uint8Array; nonce: string; verifier: string; returnTo: string; expiresAt: number },
) =>
  tx.run(sql`
    insert into provider_sign_ins (state_hash, nonce, verifier, return_to, expires_at)
    values (${each.stateHash}, ${each.nonce}, ${each.verifier}, ${each.returnTo}, ${each.expiresAt})`)

/** Uses up a sign-in that comes back; the second answer to it finds none. */
export const takeProviderSignIn = (tx: Transaction, stateHash: Uint8Array, now: number) =>
  tx.one<{ nonce: string; verifier: string; returnTo: string }>(sql`
    delete from provider_sign_ins where state_hash = ${stateHash} and expires_at > ${now}
    returning nonce, verifier, return_to`)

export const deleteOldProviderSignIns = (tx: Transaction, now: number, most: number) =>
  tx.run(sql`
    delete from provider_sign_ins
     where state_hash in (select state_hash from provider_sign_ins where expires_at <= ${now} limit ${most})`)

export const userOfIdentity = (tx: Transaction, issuer: string, subject: string) =>
  tx.one<{ userId: string }>(sql`
    select user_id from user_identities where issuer = ${issuer} and subject = ${subject}`)

/** The account of somebody whom another issuer knows. */
export async function userByIdentity(
  db: Database,
  issuer: string,
  subject: string,
): Promise<User | undefined> {
  const [user] = await db.read<User>(sql`
    select users.id, handle, name, state, role
      from user_identities join users on users.id = user_identities.user_id
     where issuer = ${issuer} and subject = ${subject}`)
  return user
}

export const userByHandleInside = (tx: Transaction, handle: string) =>
  tx.one<User>(sql`select id, handle, name, state, role from users where handle = ${handle} /* for update */`)

/** Undefined when this subject, or this user, is bound already. */
export const insertIdentity = (
  tx: Transaction,
  each: { issuer: string; subject: string; userId: string; createdAt: number },
) =>
  tx.one<{ userId: string }>(sql`
    insert into user_identities (issuer, subject, user_id, created_at)
    values (${each.issuer}, ${each.subject}, ${each.userId}, ${each.createdAt})
    on conflict do nothing
    returning user_id`)

interface Attempt {
  kind: string
  /** An address, or the id of a user. */
  who: string
  at: number
  /** A count that began no later is over. */
  freshAfter: number
}

/** Counts one more attempt. @returns how many there are by now, and since when */
export async function countAttempt(tx: Transaction, { kind, who, at, freshAfter }: Attempt) {
  const row = await tx.one<{ since: number; count: number }>(sql`
    insert into attempts (kind, who, since, count) values (${kind}, ${who}, ${at}, 1)
    on conflict (kind, who) do update
       set count = case when attempts.since > ${freshAfter} and attempts.since <= ${at} then attempts.count + 1
                        else 1 end,
           since = case when attempts.since > ${freshAfter} and attempts.since <= ${at} then attempts.since
                        else excluded.since end
    returning since, count`)
  return row ?? { since: at, count: 1 }
}

export const deleteOldAttempts = (tx: Transaction, sinceBefore: number, most: number) =>
  tx.run(sql`
    delete from attempts
     where (kind, who) in (select kind, who from attempts where since < ${sinceBefore} limit ${most})`)
