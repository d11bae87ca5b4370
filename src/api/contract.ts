/**
 * What the pages and the server say to each other, as types only. The pages import nothing else of the server.
 *
 * All instants are epoch milliseconds, UTC. Every error is RFC 9457 `application/problem+json` of the shape `Problem`.
 */

/** RFC 9457 problem details; `code` is stable across releases, `detail` is a sentence for people. */
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  /** With `request_settled`: the final state that won. */
  state?: RequestStatus
  /** With `match_code_wrong`: how many tries are left. */
  left?: number
  /** Seconds until the next try may help. */
  retry_after?: number
  /** Tells the operator's log line of a fault. */
  request_id?: string
}

export type RequestStatus = 'pending' | 'approved' | 'rejected' | 'expired' | 'withdrawn'

export interface RequestCard {
  id: string
  status: RequestStatus
  client: { id: string; name: string }
  reason: string | null
  requested_at: number
  expires_at: number
  settled_at: number | null
}

export interface RequestPage {
  requests: RequestCard[]
  /** Cursor of the next page, null on the last. */
  next: string | null
}

/** One request as its user may see it. */
export interface RequestDetail extends RequestCard {
  /** Network address the request came from. */
  from: string | null
  /** Where the token goes; null when it goes back to the browser by way of a redirect. */
  notifier_url: string | null
  /** When the token ends, or would end. */
  token_expires_at: number
  /** How often this app asked and was approved before. */
  approvals_before: number
  last_approved_at: number | null
  /** The token that came of it, while there is one. */
  token: { id: string; state: 'active' | 'revoked' | 'expired'; expires_at: number } | null
  delivery: {
    state: 'queued' | 'delivered' | 'undeliverable'
    attempts: number
    delivered_at: number | null
  } | null
  /** Where the browser goes after a decision, for requests that began with a redirect. */
  redirect_to: string | null
  timeline: { kind: string; at: number; detail: string | null }[]
}

/**
 * The canonical JSON (RFC 8785) that is shown, and so is what is signed. The pages render the fields of this text alone,
 * and refuse to go on unless `SHA-256("countersign-approval-v1" ‖ 0x00 ‖ nonce ‖ SHA-256(approval))` is the challenge.
 */
export interface Approval {
  v: 1
  decision: 'approve'
  request_id: string
  client_id: string
  client_name: string
  /** individual: the app belongs to the user who is asked. initiator: it asks many, and the operator has accepted it. */
  client_kind: 'individual' | 'initiator'
  /** Who runs an initiator; null where the operator registered it, and for one's own app. */
  owner_name: string | null
  user_id: string
  /** Dangerous ones first; empty where everything is asked for. */
  scopes: ScopeCard[]
  /** What the token is for, where the app says so (RFC 8707). */
  resources: string[]
  /** What is asked for beyond them (RFC 9396). */
  authorization_details: DetailCard[]
  /** The user types six digits that the app shows them, and only then approves. */
  match_code: boolean
  /** The app shows the same words: whoever compares them knows which ask this is. */
  binding_message: string | null
  /** What the app says of how its request came about (FAPI-CIBA §5.3). */
  request_context: Record<string, unknown> | null
  reason: string | null
  from: string | null
  notifier_url: string | null
  /** The last time that results of this app began to go to another address. */
  notifier_changed_at: number | null
  redirect_url: string | null
  requested_at: number
  expires_at: number
  token_expires_at: number
  /** Until then the app can renew its access without asking again; null where it cannot. */
  renewable_until: number | null
}

/** One thing that is asked for in detail, in the operator's words. */
export interface DetailCard {
  /** Whether it is given: the user may keep some of several back. */
  granted: boolean
  /** What an app may do by it: a sentence by language. */
  texts: Record<string, string>
  /** Whoever has it can do harm that is hard to undo. */
  dangerous: boolean
  /** Those of its fields that say something, and what each is called; of a field within a field the names are joined by dots. */
  fields: { name: string; texts: Record<string, string> }[]
  /** As it was asked, and will be granted. */
  detail: Record<string, unknown>
}

export interface Review {
  /** Canonical JSON text of an `Approval`. */
  approval: string
  /** 32 bytes, base64url. */
  nonce: string
  /** `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 §5.1.9). */
  options: Record<string, unknown>
}

/** What is drawn from WebAuthn's `toJSON()`: `RegistrationResponseJSON` or `AuthenticationResponseJSON`. */
export type CredentialJson = Record<string, unknown>

export interface EnrolmentOptions {
  options: Record<string, unknown>
  user: { handle: string; name: string | null }
}

export interface Me {
  user_id: string
  handle: string
  name: string | null
  role: Role
  session_id: string
  /** Whether this session was opened, or confirmed, by a passkey; else the operator's sign-in provider vouches for it. */
  by_passkey: boolean
  /** A link that will replace this user's passkeys, from when it works on; they can call it off. */
  new_link: { works_at: number } | null
  /** Channels on which this user is told, besides the open page. */
  channels: string[]
}

export interface PasskeyCard {
  id: string
  label: string
  created_at: number
  last_used_at: number | null
  /** Kept by a passkey provider, so it also works on the user's other devices. */
  synced: boolean
}

/** Recovery codes that are still good; the codes themselves are kept nowhere. */
export interface RecoveryCodesCard {
  left: number
  made_at: number | null
}

/** The secret code that some apps must be told before they may ask; the code itself is told nobody. */
export interface UserCodeCard {
  /** Whether this server has apps send one. */
  in_use: boolean
  set_at: number | null
}

/** New recovery codes, shown this once. */
export interface NewRecoveryCodes {
  codes: string[]
}

export interface SessionCard {
  id: string
  current: boolean
  user_agent: string | null
  address: string | null
  created_at: number
  last_seen_at: number
}

/** How a user wants to be told. */
export interface NoticeSettingsCard {
  /** In the order of telling. */
  channels: string[]
  /** How long one channel has before the next one tells as well. */
  next_after_seconds: number
  /** Hours in which nothing rings: `HH:MM`, in a zone such as `Asia/Kolkata`. */
  quiet: { from: string; to: string; zone: string } | null
  /** Nothing rings before then. */
  muted_until: number | null
  /** Of messages: `en`, `hi`; null: that of each device. */
  language: string | null
}

/** An app that may not ask this user any more. */
export interface BlockedApp {
  client: { id: string; name: string }
  blocked_at: number
}

/** Where a user is told, besides the open page. */
export interface ContactCard {
  id: string
  channel: string
  /** A phone number; null where the address says nothing to people. */
  address: string | null
  /** `user-agent` of a browser. */
  label: string | null
  /** `removed` stands for what every user has, and this one does not want. */
  state: 'active' | 'suspended' | 'unreachable' | 'removed'
  created_at: number
}

/** How a phone is connected: its user sends these words to this number. */
export interface WhatsappLink {
  /** Opens WhatsApp with the words ready to send. */
  url: string
  text: string
  number: string
  expires_at: number
}

export interface TokenCard {
  id: string
  client: { id: string; name: string }
  request_id: string
  state: 'active' | 'revoked' | 'expired'
  issued_at: number
  /** When the last of it ends; of what can be renewed, when that ends. */
  expires_at: number
  revoked_at: number | null
  /** Whether the app can renew it without asking again. */
  is_renewable: boolean
  /** When it last did so. */
  renewed_at: number | null
  delivery: { state: 'queued' | 'delivered' | 'undeliverable' } | null
}

/** `data` of a server-sent event named `request`; the page then reads the request anew. */
export interface LiveEvent {
  request_id: string
  kind: string
  at: number
}

export type AppState = 'under_review' | 'active' | 'rejected' | 'expired' | 'disabled'

/** What a person may do with a request, played in test mode. */
export type SimulatedOutcome = 'approve' | 'reject' | 'expire' | 'ignore' | 'block' | 'notifier_fails'

export interface AppCard {
  client_id: string
  /** individual: asks its owner alone. initiator: asks many users, once the operator has accepted it. */
  kind: 'individual' | 'initiator'
  name: string
  state: AppState
  /** The operator's word, if there was one; `note` says why it was turned down. */
  review: { note: string | null; reviewed_at: number } | null
  /** When it is deleted for good; until then it can do nothing, and can be taken back. */
  deletes_at: number | null
  /** The last time that results began to go to another address. */
  notifier_changed_at: number | null
  /** Address of its picture; another one when the picture changes. */
  icon: string | null
  purpose: string | null
  redirect_url: string | null
  postback_url: string | null
  notifier_url: string | null
  notifier: NotifierCard | null
  /** The key that deliveries are encrypted to, if one is registered. */
  encryption_key: { kid: string; alg: string } | null
  /** test: tells nobody; how a person would answer is simulated. */
  mode: 'live' | 'test'
  /** How each request of a test app is answered by itself; null: it waits for a call that says so. */
  simulate: SimulatedOutcome | null
  /** Seconds from the ask; null for the server's rule alone. */
  token_life: number | null
  /** TLS of the app's own with its endpoint, if it set some. */
  tls: TlsCard | null
  /** Of an app that asks many users. */
  ciba: InitiatorCard | null
  created_at: number
  secrets: { id: string; prefix: string; created_at: number; last_used_at: number | null }[]
}

/** How an app that asks many users gets its results; names of CIBA Core 1.0 §4 and RFC 7591 §2. */
export interface InitiatorCard {
  backchannel_token_delivery_mode: 'poll' | 'ping' | 'push'
  backchannel_client_notification_endpoint: string | null
  token_endpoint_auth_method: string
  /** Its public keys, or where they lie. */
  jwks: { keys: Record<string, unknown>[] } | null
  jwks_uri: string | null
  /** By what it signs its requests; null: it signs none. */
  backchannel_authentication_request_signing_alg: string | null
  /** By what its certificate is known, one of these with `tls_client_auth`. */
  tls_client_auth_subject_dn?: string
  tls_client_auth_san_dns?: string
  tls_client_auth_san_uri?: string
  tls_client_auth_san_ip?: string
  tls_client_auth_san_email?: string
  tls_client_certificate_bound_access_tokens: boolean
  dpop_bound_access_tokens: boolean
  access_token_format: 'jwt' | 'opaque'
  /** All it may ever ask for, words apart by spaces. */
  scope: string
  /** What it may ask for in detail (RFC 9396 §10). */
  authorization_details_types: string[]
  /** Its users type a code that it shows them. */
  require_match_code: boolean
  /** It sends the secret code that a user has set. */
  backchannel_user_code_parameter: boolean
  /** The rules that it is held to, whatever the server's are. */
  profile: 'core' | 'fapi'
}

export interface NewApp {
  name: string
  purpose?: string
  redirect_url?: string
  postback_url?: string
  notifier_url?: string
}

/** Answer to a new app or a new secret; the secrets are shown this once. */
export interface NewAppSecrets {
  client_id: string
  /** Not for an app that authenticates by a key or a certificate of its own. */
  client_secret?: string
  /** Verifies deliveries (Standard Webhooks, `whsec_…`). */
  signing_secret?: string
}

/** Body of `PUT /v1/me/apps/{id}/tls`, all of it PEM; what is left out is taken away. Answered with the `TlsCard`. */
export interface NewTls {
  /** What we show to the endpoint: the app's own certificate first, then those between it and its authority. */
  certificate?: string
  /** Never given back. */
  private_key?: string
  /** The only authorities that are trusted at the endpoint. */
  ca?: string
}

export interface CertificateCard {
  subject: string
  /** SHA-256, in pairs of hex digits. */
  fingerprint: string
  expires_at: number
}

export interface TlsCard {
  /** What we show to the endpoint. */
  certificate: CertificateCard | null
  /** Trusted there in the place of public authorities; empty where those are trusted. */
  authorities: CertificateCard[]
  /** When it no longer works as it stands. */
  ends_at: number
}

/** Whether an app's Notifier Webhook Endpoint may receive tokens now. */
export interface NotifierCard {
  state: 'unproven' | 'proven' | 'gone'
  /** What was wrong at the last check, in a sentence. */
  note: string | null
  checked_at: number
}

export interface DeliveryCard {
  id: string
  request_id: string
  state: 'queued' | 'delivered' | 'undeliverable'
  url: string
  attempts: number
  created_at: number
  settled_at: number | null
  expires_at: number
}

export interface AttemptCard {
  number: number
  state: 'started' | 'succeeded' | 'failed' | 'unknown'
  started_at: number
  ended_at: number | null
  status: number | null
  failure: string | null
  /** The same in a sentence. */
  detail: string | null
  /** What was sent, with words in the place of the token; null for an attempt that is under way. */
  sent: { headers: Record<string, string>; body: string } | null
  response_headers: Record<string, string> | null
  /** The first 4 KiB of the answer, without the token if it echoed it. */
  response: string | null
}

/** A request as the owner of the app may see it. */
export interface AppRequestCard {
  id: string
  status: RequestStatus
  requested_at: number
  expires_at: number
  settled_at: number | null
}

export interface AppRequestDetail extends AppRequestCard {
  token_expires_at: number
  delivery: { id: string; state: 'queued' | 'delivered' | 'undeliverable' } | null
  /** `channel` names by what its user was told; `detail` is of the owner's own endpoint. */
  timeline: { kind: string; at: number; channel: string | null; detail: string | null }[]
}

/** How much happened on one day, UTC; counted some seconds later. */
export interface AppDay {
  /** `YYYY-MM-DD` */
  day: string
  asked: number
  approved: number
  rejected: number
  expired: number
  withdrawn: number
  delivered: number
  undeliverable: number
  failed_attempts: number
}

/** Something that happened to an app itself. */
export interface AppEvent {
  kind: string
  at: number
  actor: string
  detail: string | null
}

export interface UrlVerdict {
  ok: boolean
  /** What is wrong, in a sentence. */
  detail: string | null
}

export interface SigningSecretCard {
  id: string
  scheme: 'v1' | 'v1a'
  /** First characters of a shared secret (`v1`), or the whole public key (`v1a`). */
  shown: string
  created_at: number
  /** When it signs no more; null for the one that stays. */
  expires_at: number | null
}

/** What a test delivery brought. */
export interface TrialCard {
  status: number | null
  /** Milliseconds from the call to the end of the answer. */
  ms: number
  failure: string | null
  /** What was wrong, in a sentence; null when it was taken. */
  detail: string | null
  response: string | null
}

/** A scope in words. */
export interface ScopeCard {
  scope: string
  /** A plain sentence by language; empty where the operator gave none. */
  texts: Record<string, string>
  /** Whoever has it can do harm that is hard to undo. */
  dangerous: boolean
}

/** How a user came to the link page; either an app or a code. */
export interface LinkAskForm {
  client_id?: string
  code?: string
  /** Words apart by spaces; all that the app is registered for, if not said. */
  scope?: string
  redirect_uri?: string
  state?: string
}

/** What linking an app would mean. Nothing comes of reading it. */
export interface LinkOfferCard {
  client: { id: string; name: string }
  icon: string | null
  purpose: string | null
  /** Whose app it is; null: the operator registered it. */
  developer: { name: string | null } | null
  /** When the operator accepted it; null if nobody looked. */
  reviewed_at: number | null
  /** Dangerous ones first. */
  scopes: ScopeCard[]
  /** Seconds that each access lasts at most. */
  token_life: number
  /** The link there is already. */
  known: { linked_at: number; scopes: string[] } | null
  /** The handle of the user, where linking tells it to the app. */
  told_handle: string | null
  /** The user reported and blocked it then; linking it ends that. */
  blocked_at: number | null
  /** Stands for all of it; who agrees sends it back. */
  shown: string
}

/** `link_id` is by what the app knows this user from now on. */
export interface LinkDone {
  link_id: string
  client: { id: string; name: string }
  redirect_to: string | null
}

/** An app that may ask this user. */
export interface LinkCard {
  client: { id: string; name: string }
  icon: string | null
  linked_at: number
  scopes: ScopeCard[]
  last_asked_at: number | null
  last_approved_at: number | null
}

/** A link as the operator sees it. */
export interface AdminLinkCard {
  link_id: string
  user_id: string
  client_id: string
  client_name: string
  scope: string
  linked_at: number
}

/** A link as its app sees it. */
export interface ClientLinkCard {
  link_id: string
  scope: string
  linked_at: number
}

/** A code that its app shows to a user; the code is given this once. */
export interface LinkCodeCard {
  id: string
  code: string
  /** Opens the page with the code in it. */
  url: string
  /** The same address as a picture (SVG text). */
  qr_svg: string
  expires_at: number
}

/** What became of a code. */
export interface LinkCodeStatus {
  id: string
  status: 'open' | 'linked' | 'declined' | 'expired'
  /** With `linked`, unless it was unlinked since. */
  link_id: string | null
  scope: string | null
  expires_at: number
}

/** What somebody told the people who run the server. */
export interface FeedbackCard {
  id: string
  /** Who was signed in; null from the documents. */
  user: { user_id: string; handle: string } | null
  page: string
  text: string
  contact: string | null
  created_at: number
  /** How far it came on each way that was set when it was written. */
  forwards: {
    way: 'webhook' | 'mail'
    state: 'queued' | 'sent' | 'failed'
    note: string | null
    at: number
  }[]
}

// For operators

export type Role = 'owner' | 'operator' | 'auditor'

/** A page of a list; `next` is the cursor of the next one, null on the last. */
export type Page<Name extends string, Card> = { [N in Name]: Card[] } & { next: string | null }

export interface AdminUserCard {
  id: string
  handle: string
  name: string | null
  state: 'active' | 'disabled'
  role: Role
  /** How many; none: they were invited and have not come yet. */
  passkeys: number
  created_at: number
  last_seen_at: number | null
}

export interface AdminUserDetail extends AdminUserCard {
  contacts: ContactCard[]
  /** An enrolment link that was not used yet. */
  link: { created_at: number; works_at: number; expires_at: number } | null
}

/** A one-time link, shown this once. */
export interface EnrolmentLink {
  enrolment_url: string
  works_at: number
  expires_at: number
  /** On how many contacts its user is told of it. */
  told: number
}

export interface AdminClientCard {
  id: string
  kind: 'individual' | 'initiator'
  name: string
  state: AppState
  purpose: string | null
  owner: { id: string; handle: string; name: string | null } | null
  notifier_url: string | null
  redirect_url: string | null
  review_note: string | null
  deletes_at: number | null
  created_at: number
  /** When one of its secrets was last used. */
  last_used_at: number | null
  /** Of one that asks many users. */
  ciba: InitiatorCard | null
}

/** How sending goes on a channel; the counts are of the last 24 hours. */
export interface ChannelHealth {
  name: string
  on: boolean
  sent: number
  last_sent_at: number | null
  failures: { kind: string; count: number; last_at: number }[]
}

export interface QueueHealth {
  kind: string
  queued: number
  due: number
  leased: number
  oldest_due_at: number | null
  oldest_leased_at: number | null
}

export interface NodeCard {
  id: string
  host: string
  version: string
  engine: string
  runtime: string
  started_at: number
  seen_at: number
  alive: boolean
}

export interface ServerHealth {
  now: number
  reviews_waiting: number
  channels: ChannelHealth[]
  queues: QueueHealth[]
  nodes: NodeCard[]
}

export interface SettingCard {
  name: string
  about: string
  /** As it was written; null for a secret, or where nothing is set. */
  value: string | null
  secret: boolean
  source: 'environment' | 'secret_file' | 'settings_file' | 'default' | 'unset'
}

export interface EventCard {
  seq: number
  at: number
  kind: string
  actor: string
  /** Which operator: the id of a user, `admin_key` or `command_line`. */
  actor_id: string | null
  user_id: string | null
  client_id: string | null
  request_id: string | null
  detail: string | null
  address: string | null
}

/** A sealed state of the audit log. */
export interface AuditCheckpoint {
  size: number
  sealed_at: number
  checkpoint: string
  nodes: string
}

/** Ways in besides a passkey. */
export interface SignInWays {
  /** Host of the operator's own sign-in provider, if there is one. */
  provider: string | null
}
