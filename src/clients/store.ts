import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'
import type { ClientAlg } from './jwks.ts'

export const CLIENT_STATES = ['under_review', 'active', 'rejected', 'expired', 'disabled'] as const
export type ClientState = (typeof CLIENT_STATES)[number]

/** What a person may do with a request, played in test mode. */
export const OUTCOMES = ['approve', 'reject', 'expire', 'ignore', 'block', 'notifier_fails'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** A registered program that may ask. The pages call it an app. */
export interface Client {
  id: string
  /** individual: owned by one user, so that its id says whom to ask. initiator: asks users who have linked it. */
  kind: 'individual' | 'initiator'
  userId: string | null
  name: string
  state: ClientState
  purpose: string | null
  redirectUrl: string | null
  postbackUrl: string | null
  notifierUrl: string | null
  /** Public key (JSON text of a JWK) that deliveries are encrypted to. */
  encryptionKey: string | null
  /** test: tells nobody, and answers are simulated. Never changed. */
  mode: 'live' | 'test'
  /** How each request of a test app is answered by itself; null: it waits for a call that says so. */
  simulate: Outcome | null
  /** The owner's own limit on an access, from when it was asked for; null for the server's rule alone. */
  tokenLifeSeconds: number | null
  /** The last time that results began to go elsewhere. */
  notifierChangedAt: number | null
  /** When it is deleted for good; until then it can do nothing, and its owner may take it back. */
  deletesAt: number | null
  createdAt: number
}

/** What holds of a client of which nothing more was said. */
export const UNSAID = {
  state: 'active',
  purpose: null,
  redirectUrl: null,
  postbackUrl: null,
  notifierUrl: null,
  encryptionKey: null,
  mode: 'live',
  simulate: null,
  tokenLifeSeconds: null,
  notifierChangedAt: null,
  deletesAt: null,
} satisfies Partial<Client>

export interface ClientSecret {
  id: string
  clientId: string
  /** The first characters, by which an owner tells two secrets apart. */
  prefix: string
  createdAt: number
  lastUsedAt: number | null
}

export const insertClient = (tx: Transaction, each: Client) =>
  tx.run(sql`
    insert into clients (id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url,
                         encryption_key, mode, simulate, token_life_seconds, created_at, updated_at)
    values (${each.id}, ${each.kind}, ${each.userId}, ${each.name}, ${each.state}, ${each.purpose},
            ${each.redirectUrl}, ${each.postbackUrl}, ${each.notifierUrl}, ${each.encryptionKey}, ${each.mode},
            ${each.simulate}, ${each.tokenLifeSeconds}, ${each.createdAt}, ${each.createdAt})
    on conflict (id) do nothing`)

export const updateClient = (tx: Transaction, each: Client, now: number) =>
  tx.run(sql`
    update clients
       set name = ${each.name}, purpose = ${each.purpose}, redirect_url = ${each.redirectUrl},
           postback_url = ${each.postbackUrl}, notifier_url = ${each.notifierUrl},
           encryption_key = ${each.encryptionKey}, notifier_changed_at = ${each.notifierChangedAt},
           simulate = ${each.simulate}, token_life_seconds = ${each.tokenLifeSeconds}, updated_at = ${now}
     where id = ${each.id}`)

export const setClientState = (tx: Transaction, id: string, state: ClientState, now: number) =>
  tx.run(sql`update clients set state = ${state}, updated_at = ${now} where id = ${id}`)

/** Nothing more is heard of it from `deletesAt` on; null takes it back. */
export const setClientDeletion = (tx: Transaction, id: string, deletesAt: number | null, now: number) =>
  tx.run(sql`update clients set deletes_at = ${deletesAt}, updated_at = ${now} where id = ${id}`)

export async function clientById(db: Database, id: string): Promise<Client | undefined> {
  const [client] = await db.read<Client>(sql`
    select id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url, encryption_key,
           mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, created_at
      from clients where id = ${id}`)
  return client
}

/** The same inside a transaction, where it must be what the rest of the transaction sees. */
export const clientInside = (tx: Transaction, id: string) =>
  tx.one<Client>(sql`
    select id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url, encryption_key,
           mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, created_at
      from clients where id = ${id}`)

export const clientsOfUser = (db: Database, userId: string, now: number) =>
  db.read<Client>(sql`
    select id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url, encryption_key,
           mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, created_at
      from clients where user_id = ${userId} and (deletes_at is null or deletes_at > ${now}) order by id`)

export const clientsToDelete = (tx: Transaction, now: number, limit: number) =>
  tx.all<{ id: string }>(sql`
    select id from clients
     where deletes_at <= ${now} and exists (select 1 from signing_secrets where client_id = clients.id)
     order by deletes_at limit ${limit}`)

// Icons

export interface ClientIcon {
  mediaType: 'image/png' | 'image/webp'
  bytes: Uint8Array
  setAt: number
}

export const putIcon = (tx: Transaction, clientId: string, { mediaType, bytes, setAt }: ClientIcon) =>
  tx.run(sql`
    insert into client_icons (client_id, media_type, bytes, set_at)
    values (${clientId}, ${mediaType}, ${bytes}, ${setAt})
    on conflict (client_id) do update
       set media_type = excluded.media_type, bytes = excluded.bytes, set_at = excluded.set_at`)

export const deleteIcon = (tx: Transaction, clientId: string) =>
  tx.run(sql`delete from client_icons where client_id = ${clientId}`)

export async function iconOfClient(db: Database, clientId: string): Promise<ClientIcon | undefined> {
  const [icon] = await db.read<ClientIcon>(sql`
    select media_type, bytes, set_at from client_icons where client_id = ${clientId}`)
  return icon
}

/** When the icon was set, by which its address changes with it. */
export async function iconSetAt(db: Database, clientId: string): Promise<number | null> {
  const [icon] = await db.read<{ setAt: number }>(sql`
    select set_at from client_icons where client_id = ${clientId}`)
  return icon?.setAt ?? null
}

// Review

/** The operator's word on an app. */
export interface ClientReview {
  reviewedAt: number
  reviewedBy: string
  /** Why not, for the owner to read. */
  reviewNote: string | null
}

/** Undefined for an app that nobody has judged. */
export async function reviewOfClient(db: Database, id: string): Promise<ClientReview | undefined> {
  const [review] = await db.read<ClientReview>(sql`
    select reviewed_at, reviewed_by, review_note from clients where id = ${id} and reviewed_at is not null`)
  return review
}

/** Whether anybody has judged it, inside a transaction. */
export const reviewInside = (tx: Transaction, id: string) =>
  tx.one<{ reviewedAt: number }>(sql`
    select reviewed_at from clients where id = ${id} and reviewed_at is not null`)

/** Has the operator look at an app that asks many users, again if need be. */
export const submitForReview = (tx: Transaction, id: string, now: number) =>
  tx.run(sql`
    update clients
       set state = 'under_review', reviewed_at = null, reviewed_by = null, review_note = null, updated_at = ${now}
     where id = ${id} and kind = 'initiator' and state in ('active', 'rejected')`)

/** Settles a review, once: of two verdicts at the same moment one gets the row. */
export const settleReview = (
  tx: Transaction,
  id: string,
  { state, by, note, at }: { state: 'active' | 'rejected'; by: string; note: string | null; at: number },
) =>
  tx.one<{ userId: string | null; name: string }>(sql`
    update clients
       set state = ${state}, reviewed_at = ${at}, reviewed_by = ${by}, review_note = ${note}, updated_at = ${at}
     where id = ${id} and state = 'under_review' and deletes_at is null
    returning user_id, name`)

/** Those that wait for the operator, oldest first; `after` is the id that the last page ended with. */
export const clientsUnderReview = (db: Database, after: string, limit: number) =>
  db.read<Client>(sql`
    select id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url, encryption_key,
           mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, created_at
      from clients where state = 'under_review' and deletes_at is null and id > ${after} order by id limit ${limit}`)

/** Endpoints of apps that may ask, the newest first. */
export async function notifierUrls(db: Database, limit: number): Promise<string[]> {
  const rows = await db.read<{ notifierUrl: string }>(sql`
    select notifier_url from clients
     where state = 'active' and notifier_url is not null order by id desc limit ${limit}`)
  return rows.map(({ notifierUrl }) => notifierUrl)
}

/** An app as operators see it. */
export interface ClientRow extends Client {
  lastUsedAt: number | null
  reviewNote: string | null
  reviewedAt: number | null
}

/**
 * Apps whose name or id holds a text, newest first.
 *
 * @param pattern lower case, for `like`, with `!` before what is meant as it stands
 * @param state empty for all
 * @param before the id that the last page ended with
 */
export const clientsLike = (
  db: Database,
  {
    pattern,
    state,
    before,
    limit,
  }: { pattern: string; state: ClientState | ''; before: string; limit: number },
) =>
  db.read<ClientRow>(sql`
    select id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url, encryption_key,
           mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, created_at, review_note, reviewed_at,
           (select max(last_used_at) from client_secrets where client_id = clients.id) as last_used_at
      from clients
     where id < ${before} and (${state} = '' or state = ${state})
       and (lower(name) like ${pattern} escape '!' or lower(id) like ${pattern} escape '!')
     order by id desc limit ${limit}`)

export async function countUnderReview(db: Database): Promise<number> {
  const [row] = await db.read<{ count: number }>(sql`
    select count(*) as count from clients where state = 'under_review' and deletes_at is null`)
  return row?.count ?? 0
}

// Secrets

export const insertSecret = (
  tx: Transaction,
  each: { id: string; clientId: string; hash: Uint8Array; prefix: string; createdAt: number },
) =>
  tx.run(sql`
    insert into client_secrets (id, client_id, hash, prefix, created_at)
    values (${each.id}, ${each.clientId}, ${each.hash}, ${each.prefix}, ${each.createdAt})`)

/** A client with the hash of each of its secrets, one row a secret. */
export const clientWithSecrets = (db: Database, id: string) =>
  db.read<Client & { secretId: string; hash: Uint8Array }>(
    sql`
      select clients.id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url,
             encryption_key, mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, clients.created_at,
             client_secrets.id as secret_id, hash
        from clients join client_secrets on client_secrets.client_id = clients.id
       where clients.id = ${id}`,
    twin`
      select n, clients.id, kind, user_id, name, state, purpose, redirect_url, postback_url, notifier_url,
             encryption_key, mode, simulate, token_life_seconds, notifier_changed_at, deletes_at, clients.created_at,
             client_secrets.id as secret_id, hash
        from unnest($1::text[]) with ordinality as each (wanted, n)
        join clients on clients.id = wanted join client_secrets on client_secrets.client_id = wanted`,
  )

export const secretsOfClient = (db: Database, clientId: string) =>
  db.read<ClientSecret>(sql`
    select id, client_id, prefix, created_at, last_used_at
      from client_secrets where client_id = ${clientId} order by id`)

/** How many secrets a client has. It stays true for the rest of the transaction: others that count wait. */
export async function countSecrets(tx: Transaction, clientId: string): Promise<number> {
  await tx.one(sql`select id from clients where id = ${clientId} /* for update */`)
  const row = await tx.one<{ count: number }>(sql`
    select count(*) as count from client_secrets where client_id = ${clientId}`)
  return row?.count ?? 0
}

export const noteSecretUse = (tx: Transaction, clientId: string, id: string, now: number) =>
  tx.run(sql`update client_secrets set last_used_at = ${now} where client_id = ${clientId} and id = ${id}`)

export const deleteSecret = (tx: Transaction, id: string, clientId: string) =>
  tx.run(sql`delete from client_secrets where id = ${id} and client_id = ${clientId}`)

export const deleteSecrets = (tx: Transaction, clientId: string) =>
  tx.run(sql`delete from client_secrets where client_id = ${clientId}`)

// Signing secrets, by which a receiver knows that a delivery is ours

export interface SigningSecret {
  id: string
  /** Of Standard Webhooks: `v1` is HMAC-SHA256, `v1a` Ed25519. */
  scheme: 'v1' | 'v1a'
  sealed: Uint8Array
  createdAt: number
  expiresAt: number | null
}

export const insertSigningSecret = (
  tx: Transaction,
  each: Omit<SigningSecret, 'expiresAt'> & { clientId: string },
) =>
  tx.run(sql`
    insert into signing_secrets (id, client_id, scheme, sealed, created_at)
    values (${each.id}, ${each.clientId}, ${each.scheme}, ${each.sealed}, ${each.createdAt})`)

/** Those that are valid now, newest first, each with the id of the TLS that its client has now. */
export const signingSecretsOf = (tx: Transaction, clientId: string, now: number) =>
  tx.all<Pick<SigningSecret, 'id' | 'scheme' | 'sealed'> & { tlsId: string | null }>(
    sql`
      select signing_secrets.id, scheme, sealed, client_tls.id as tls_id
        from signing_secrets left join client_tls on client_tls.client_id = signing_secrets.client_id
       where signing_secrets.client_id = ${clientId} and (expires_at is null or expires_at > ${now})
       order by signing_secrets.id desc`,
    twin`
      select n, signing_secrets.id, scheme, sealed, client_tls.id as tls_id
        from unnest($1::text[], $2::bigint[]) with ordinality as each (client_id, now, n)
        join signing_secrets on signing_secrets.client_id = each.client_id
        left join client_tls on client_tls.client_id = each.client_id
       where expires_at is null or expires_at > each.now
       order by n, signing_secrets.id desc`,
  )

/** Those that are valid now, for their owner to see, newest first. */
export const liveSigningSecrets = (db: Database, clientId: string, now: number) =>
  db.read<SigningSecret>(sql`
    select id, scheme, sealed, created_at, expires_at
      from signing_secrets
     where client_id = ${clientId} and (expires_at is null or expires_at > ${now})
     order by id desc`)

/** How many of a kind are live. It stays true for the rest of the transaction: others that count wait. */
export async function countSigningSecrets(
  tx: Transaction,
  clientId: string,
  scheme: SigningSecret['scheme'],
  now: number,
): Promise<number> {
  await tx.one(sql`select id from clients where id = ${clientId} /* for update */`)
  const row = await tx.one<{ count: number }>(sql`
    select count(*) as count from signing_secrets
     where client_id = ${clientId} and scheme = ${scheme} and (expires_at is null or expires_at > ${now})`)
  return row?.count ?? 0
}

/** Ends a signing secret that is on its last day; the one that signs on stays. */
export const endSigningSecret = (tx: Transaction, id: string, clientId: string) =>
  tx.run(
    sql`delete from signing_secrets where id = ${id} and client_id = ${clientId} and expires_at is not null`,
  )

/** Gives the older secrets of a kind their last day; one that ends sooner keeps its end. */
export const expireSigningSecrets = (
  tx: Transaction,
  clientId: string,
  scheme: SigningSecret['scheme'],
  at: number,
) =>
  tx.run(sql`
    update signing_secrets set expires_at = ${at}
     where client_id = ${clientId} and scheme = ${scheme} and (expires_at is null or expires_at > ${at})`)

// TLS of a client's own

export interface ClientTls {
  id: string
  clientId: string
  /** PEM, its own first, then those between it and its authority. */
  certificate: string | null
  sealedKey: Uint8Array | null
  /** PEM of the only authorities that are trusted at the endpoint. */
  ca: string | null
  /** When it no longer works as it stands. */
  endsAt: number
  setAt: number
}

export const putClientTls = (tx: Transaction, each: ClientTls) =>
  tx.run(sql`
    insert into client_tls (id, client_id, certificate, sealed_key, ca, ends_at, set_at)
    values (${each.id}, ${each.clientId}, ${each.certificate}, ${each.sealedKey}, ${each.ca}, ${each.endsAt},
            ${each.setAt})
    on conflict (client_id) do update
       set id = excluded.id, certificate = excluded.certificate, sealed_key = excluded.sealed_key, ca = excluded.ca,
           ends_at = excluded.ends_at, set_at = excluded.set_at`)

export const deleteClientTls = (tx: Transaction, clientId: string) =>
  tx.run(sql`delete from client_tls where client_id = ${clientId}`)

export async function tlsOfClient(db: Database, clientId: string): Promise<ClientTls | undefined> {
  const [tls] = await db.read<ClientTls>(sql`
    select id, client_id, certificate, sealed_key, ca, ends_at, set_at
      from client_tls where client_id = ${clientId}`)
  return tls
}

export const tlsById = (tx: Transaction, id: string) =>
  tx.one<ClientTls>(sql`
    select id, client_id, certificate, sealed_key, ca, ends_at, set_at from client_tls where id = ${id}`)

/** Apps in use whose TLS ends before a time, the next one first. */
export const tlsEndingBefore = (db: Database, at: number) =>
  db.read<{ clientId: string; name: string; endsAt: number }>(sql`
    select client_id, name, ends_at
      from client_tls join clients on clients.id = client_id
     where ends_at < ${at} and state <> 'disabled' order by ends_at`)

export const deleteSigningSecrets = (tx: Transaction, clientId: string) =>
  tx.run(sql`delete from signing_secrets where client_id = ${clientId}`)

// Initiators: what a client that speaks CIBA registered

export const DELIVERY_MODES = ['poll', 'ping', 'push'] as const
export type DeliveryMode = (typeof DELIVERY_MODES)[number]
export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const
export type TokenFormat = (typeof TOKEN_FORMATS)[number]

/** Which rules are kept: those of CIBA Core 1.0, or those of FAPI-CIBA too. */
export const PROFILES = ['core', 'fapi'] as const
export type Profile = (typeof PROFILES)[number]

export interface Initiator {
  clientId: string
  deliveryMode: DeliveryMode
  /** Where pings or pushes go; null with `poll`. */
  notificationUrl: string | null
  /** How it authenticates, and in no other way. */
  authMethod: AuthMethod
  /** JSON text of a JWK Set of its public keys, or where one lies; both null without. */
  jwks: string | null
  jwksUrl: string | null
  /** By what its certificate is known, with `tls_client_auth`: a kind, a colon and a value. */
  tlsSubject: string | null
  /** By what it signs its requests, all of them; null: it signs none. */
  requestAlg: ClientAlg | null
  /** What it gets: a JWT that whoever takes it can read, or a text that only introspection tells of. */
  tokenFormat: TokenFormat
  /** To what its tokens must be bound: a key it proves to hold (RFC 9449 §5.2), or its certificate (RFC 8705 §3.4). */
  boundBy: 'dpop' | 'certificate' | null
  /** All it may ever ask for, words apart by spaces. */
  scopes: string
  /** Types of `authorization_details` that it may ask for, apart by spaces (RFC 9396 §10). */
  detailTypes: string
  /** 1: its users type a code that it shows them. */
  requiresMatchCode: number
  /** 1: it sends the secret code that a user has set, where the server wants it (CIBA Core 1.0 §4). */
  takesUserCode: number
  /** The rules that it wants to be held to, whatever the server's are. */
  profile: Profile
}

export const insertInitiator = (tx: Transaction, each: Initiator) =>
  tx.run(sql`
    insert into initiators (client_id, delivery_mode, notification_url, auth_method, jwks, jwks_url, tls_subject,
                            request_alg, scopes, detail_types, requires_match_code, takes_user_code, token_format, bound_by,
                            profile)
    values (${each.clientId}, ${each.deliveryMode}, ${each.notificationUrl}, ${each.authMethod}, ${each.jwks},
            ${each.jwksUrl}, ${each.tlsSubject}, ${each.requestAlg}, ${each.scopes}, ${each.detailTypes},
            ${each.requiresMatchCode}, ${each.takesUserCode}, ${each.tokenFormat}, ${each.boundBy},
            ${each.profile})`)

export const updateInitiator = (tx: Transaction, each: Initiator) =>
  tx.run(sql`
    update initiators
       set delivery_mode = ${each.deliveryMode}, notification_url = ${each.notificationUrl}, scopes = ${each.scopes},
           auth_method = ${each.authMethod}, jwks = ${each.jwks}, jwks_url = ${each.jwksUrl},
           tls_subject = ${each.tlsSubject}, request_alg = ${each.requestAlg}, token_format = ${each.tokenFormat},
           bound_by = ${each.boundBy}, profile = ${each.profile},
           detail_types = ${each.detailTypes}, requires_match_code = ${each.requiresMatchCode},
           takes_user_code = ${each.takesUserCode}
     where client_id = ${each.clientId}`)

export async function initiatorOf(db: Database, clientId: string): Promise<Initiator | undefined> {
  const [initiator] = await db.read<Initiator>(
    sql`
      select client_id, delivery_mode, notification_url, auth_method, jwks, jwks_url, tls_subject, request_alg, scopes,
           token_format, bound_by, detail_types, requires_match_code, takes_user_code, profile
        from initiators where client_id = ${clientId}`,
    twin`
      select n, client_id, delivery_mode, notification_url, auth_method, jwks, jwks_url, tls_subject, request_alg, scopes,
           token_format, bound_by, detail_types, requires_match_code, takes_user_code, profile
        from unnest($1::text[]) with ordinality as each (wanted, n) join initiators on client_id = wanted`,
  )
  return initiator
}

export const initiatorInside = (tx: Transaction, clientId: string) =>
  tx.one<Initiator>(sql`
    select client_id, delivery_mode, notification_url, auth_method, jwks, jwks_url, tls_subject, request_alg, scopes,
           token_format, bound_by, detail_types, requires_match_code, takes_user_code, profile
      from initiators where client_id = ${clientId}`)

/** Undefined when a JWT of this `jti` was taken before, on whichever node. */
export const spendJwt = (
  tx: Transaction,
  each: { clientId: string; use: JwtUse; hash: Uint8Array; endsAt: number },
) =>
  tx.one<{ clientId: string }>(sql`
    insert into spent_jwts (client_id, use, hash, ends_at)
    values (${each.clientId}, ${each.use}, ${each.hash}, ${each.endsAt})
    on conflict do nothing
    returning client_id`)

/** What a client signs: that it is who calls, what it asks, or that it holds a key. */
export type JwtUse = 'assertion' | 'request' | 'proof'

export const deleteEndedJwts = (tx: Transaction, now: number, most: number) =>
  tx.run(sql`
    delete from spent_jwts
     where (client_id, use, hash) in (select client_id, use, hash from spent_jwts where ends_at <= ${now} limit ${most})`)

// Links: whom an initiator may ask

export interface ClientLink {
  userId: string
  clientId: string
  /** By which the client knows the user. No two clients have the same, and a new linking brings a new one. */
  subject: string
  /** What the user lets it ask for at most, words apart by spaces. */
  scopes: string
  linkedAt: number
}

/** Undefined when the two are linked already. */
export const insertLink = (tx: Transaction, each: ClientLink) =>
  tx.one<ClientLink>(sql`
    insert into client_links (user_id, client_id, subject, scopes, linked_at)
    values (${each.userId}, ${each.clientId}, ${each.subject}, ${each.scopes}, ${each.linkedAt})
    on conflict do nothing
    returning user_id, client_id, subject, scopes, linked_at`)

export const setLinkScopes = (tx: Transaction, { userId, clientId, scopes }: ClientLink) =>
  tx.run(sql`
    update client_links set scopes = ${scopes} where user_id = ${userId} and client_id = ${clientId}`)

/** Undefined when the two are not linked. */
export const deleteLink = (tx: Transaction, userId: string, clientId: string) =>
  tx.one<ClientLink>(sql`
    delete from client_links where user_id = ${userId} and client_id = ${clientId}
    returning user_id, client_id, subject, scopes, linked_at`)

export async function linkOf(
  db: Database,
  userId: string,
  clientId: string,
): Promise<ClientLink | undefined> {
  const [link] = await db.read<ClientLink>(
    sql`
      select user_id, client_id, subject, scopes, linked_at
        from client_links where user_id = ${userId} and client_id = ${clientId}`,
    twin`
      select n, client_links.user_id, client_links.client_id, subject, scopes, linked_at
        from unnest($1::text[], $2::text[]) with ordinality as each (user_id, client_id, n)
        join client_links on client_links.user_id = each.user_id and client_links.client_id = each.client_id`,
  )
  return link
}

/** By what the client knows; undefined also for what another client knows. */
export async function linkBySubject(
  db: Database,
  clientId: string,
  subject: string,
): Promise<ClientLink | undefined> {
  const [link] = await db.read<ClientLink>(sql`
    select user_id, client_id, subject, scopes, linked_at
      from client_links where client_id = ${clientId} and subject = ${subject}`)
  return link
}

/** The same inside a transaction. Others that ask of the same pair wait until it ends. */
export const lockLink = (tx: Transaction, userId: string, clientId: string) =>
  tx.one<ClientLink>(
    sql`
      select user_id, client_id, subject, scopes, linked_at
        from client_links where user_id = ${userId} and client_id = ${clientId} /* for update */`,
    twin`
      select n, client_links.user_id, client_links.client_id, subject, scopes, linked_at
        from unnest($1::text[], $2::text[]) with ordinality as each (user_id, client_id, n)
        join client_links on client_links.user_id = each.user_id and client_links.client_id = each.client_id
       order by client_links.user_id, client_links.client_id for update of client_links`,
  )

/** The newest first. */
export const linksOfUser = (db: Database, userId: string) =>
  db.read<ClientLink>(sql`
    select user_id, client_id, subject, scopes, linked_at
      from client_links where user_id = ${userId} order by linked_at desc, client_id`)

/** In the order of their subjects, the oldest first; `after` is the subject that the last page ended with. */
export const linksOfClient = (db: Database, clientId: string, after: string, limit: number) =>
  db.read<ClientLink>(sql`
    select user_id, client_id, subject, scopes, linked_at
      from client_links where client_id = ${clientId} and subject > ${after} order by subject limit ${limit}`)

// Codes by which a link is begun elsewhere

export interface LinkCode {
  id: string
  clientId: string
  /** What is asked for, words apart by spaces. */
  scopes: string
  state: 'open' | 'linked' | 'declined'
  userId: string | null
  expiresAt: number
}

export const insertLinkCode = (
  tx: Transaction,
  each: Omit<LinkCode, 'state' | 'userId'> & { mac: string; createdAt: number },
) =>
  tx.one<{ id: string }>(sql`
    insert into link_codes (id, mac, client_id, scopes, state, created_at, expires_at)
    values (${each.id}, ${each.mac}, ${each.clientId}, ${each.scopes}, 'open', ${each.createdAt}, ${each.expiresAt})
    on conflict do nothing
    returning id`)

export async function openLinkCode(db: Database, mac: string, now: number): Promise<LinkCode | undefined> {
  const [code] = await db.read<LinkCode>(sql`
    select id, client_id, scopes, state, user_id, expires_at
      from link_codes where mac = ${mac} and state = 'open' and expires_at > ${now}`)
  return code
}

export async function linkCodeById(
  db: Database,
  clientId: string,
  id: string,
): Promise<LinkCode | undefined> {
  const [code] = await db.read<LinkCode>(sql`
    select id, client_id, scopes, state, user_id, expires_at
      from link_codes where id = ${id} and client_id = ${clientId}`)
  return code
}

/** Uses a code up. Of two who come at the same moment one gets it, the other `undefined`. */
export const settleLinkCode = (
  tx: Transaction,
  mac: string,
  { state, userId }: { state: 'linked' | 'declined'; userId: string | null },
  now: number,
) =>
  tx.one<LinkCode>(sql`
    update link_codes set state = ${state}, user_id = ${userId}
     where mac = ${mac} and state = 'open' and expires_at > ${now}
    returning id, client_id, scopes, state, user_id, expires_at`)

/** Those that ended before a time. */
export const deleteLinkCodes = (tx: Transaction, before: number, most: number) =>
  tx.run(
    sql`delete from link_codes where id in (select id from link_codes where expires_at < ${before} limit ${most})`,
  )
