-- Times are epoch milliseconds, UTC. Each table belongs to one folder of src/, named above it.

-- users
create table users (
  id text primary key,
  handle text not null unique,
  name text,
  state text not null check (state in ('active', 'disabled')),
  -- owner: decides on their own account alone. operator: runs the server. auditor: sees what operators see, changes nothing.
  role text not null default 'owner' check (role in ('owner', 'operator', 'auditor')),
  -- The last time, also where it is active again: what was approved before is over.
  disabled_at integer,
  created_at integer not null
) strict, without rowid;
create index users_with_role on users (role, id) where role <> 'owner';

create table enrolments (
  token_hash blob primary key check (length(token_hash) = 32),
  user_id text not null references users (id),
  created_at integer not null,
  expires_at integer not null,
  -- A link that takes the place of passkeys works only after a wait, in which its user can call it off.
  works_at integer not null,
  used_at integer
) strict, without rowid;
create index enrolments_of_user on enrolments (user_id);

create table passkeys (
  id text primary key,
  user_id text not null references users (id),
  credential_id text not null unique,
  public_key blob not null,
  sign_count integer not null,
  transports text not null,
  label text not null,
  is_synced integer not null check (is_synced in (0, 1)),
  created_at integer not null,
  last_used_at integer
) strict, without rowid;
create index passkeys_of_user on passkeys (user_id);

-- Attempts that all nodes count together, by address or user; kept for a day.
create table attempts (
  kind text not null,
  who text not null,
  since integer not null,
  count integer not null,
  primary key (kind, who)
) strict, without rowid;

-- Each makes one new passkey, for a user who has lost theirs.
create table recovery_codes (
  code_hash blob primary key check (length(code_hash) = 32),
  user_id text not null references users (id),
  created_at integer not null,
  used_at integer
) strict, without rowid;
create index recovery_codes_of_user on recovery_codes (user_id);

-- A secret that a user tells the apps that may ask them (CIBA Core 1.0 §7.1). Keyed: people choose short ones.
create table user_codes (
  user_id text primary key references users (id),
  mac text not null,
  set_at integer not null
) strict, without rowid;

create table sessions (
  id text primary key,
  secret_hash blob not null unique check (length(secret_hash) = 32),
  user_id text not null references users (id),
  user_agent text,
  address text,
  created_at integer not null,
  last_seen_at integer not null,
  expires_at integer not null,
  -- When a passkey last said that it is its user; null while only the operator's sign-in provider has said so.
  passkey_at integer
) strict, without rowid;
create index sessions_of_user on sessions (user_id);
create index sessions_by_end on sessions (expires_at);

-- A WebAuthn challenge is good for one answer to one question.
create table challenges (
  challenge text primary key,
  purpose text not null check (purpose in ('enrol', 'sign_in', 'add_passkey', 'confirm', 'recover')),
  user_id text,
  -- What exactly is confirmed.
  subject text,
  expires_at integer not null
) strict, without rowid;
create index challenges_by_end on challenges (expires_at);

-- Who a user is at the operator's sign-in provider. Bound at the first sign-in: a handle that is given to somebody else there
-- opens nothing here.
create table user_identities (
  issuer text not null,
  subject text not null,
  user_id text not null references users (id),
  created_at integer not null,
  primary key (issuer, subject),
  unique (user_id, issuer)
) strict, without rowid;

-- A sign-in that has gone to the provider and is awaited back, once.
create table provider_sign_ins (
  state_hash blob primary key check (length(state_hash) = 32),
  nonce text not null,
  verifier text not null,
  return_to text not null,
  expires_at integer not null
) strict, without rowid;

-- clients
create table clients (
  id text primary key,
  kind text not null check (kind in ('individual', 'initiator')),
  user_id text references users (id),
  name text not null,
  state text not null check (state in ('under_review', 'active', 'rejected', 'expired', 'disabled')),
  purpose text,
  redirect_url text,
  postback_url text,
  notifier_url text,
  -- test: tells nobody, and a person's answer is simulated; of which kind, where no call says it.
  mode text not null default 'live' check (mode in ('live', 'test')),
  simulate text check (simulate in ('approve', 'reject', 'expire', 'ignore', 'block', 'notifier_fails')),
  -- The owner's own limit, shorter than the server's; null for the server's alone.
  token_life_seconds integer check (token_life_seconds between 60 and 86400),
  -- The operator's word on an app that asks many users: on which day, by whom, and why not.
  reviewed_at integer,
  reviewed_by text,
  review_note text,
  -- The last time that results began to go elsewhere, for whoever decides to see.
  notifier_changed_at integer,
  -- Being deleted: it can do nothing any more, and until then its owner may take it back.
  deletes_at integer,
  created_at integer not null,
  updated_at integer not null,
  check (kind = 'initiator' or user_id is not null),
  check ((reviewed_at is null) = (reviewed_by is null))
) strict, without rowid;
create index clients_of_user on clients (user_id);
create index clients_under_review on clients (id) where state = 'under_review';
create index clients_being_deleted on clients (deletes_at) where deletes_at is not null;

create table client_secrets (
  id text not null,
  client_id text not null references clients (id),
  hash blob not null check (length(hash) = 32),
  prefix text not null,
  created_at integer not null,
  last_used_at integer,
  -- By client first: an ask finds a client's secrets in one place.
  primary key (client_id, id)
) strict, without rowid;

create table signing_secrets (
  id text primary key,
  client_id text not null references clients (id),
  scheme text not null check (scheme in ('v1', 'v1a')),
  sealed blob not null,
  created_at integer not null,
  expires_at integer
) strict, without rowid;
create index signing_secrets_of_client on signing_secrets (client_id);

-- TLS of a client's own with its endpoint: a certificate to show there with its key, the only authorities trusted there.
create table client_tls (
  -- Another one at each change.
  id text primary key,
  client_id text not null unique references clients (id),
  certificate text,
  sealed_key blob,
  ca text,
  -- From then on it no longer works as it stands.
  ends_at integer not null,
  set_at integer not null,
  check ((certificate is null) = (sealed_key is null)),
  check (certificate is not null or ca is not null)
) strict, without rowid;

create table client_icons (
  client_id text primary key references clients (id),
  media_type text not null check (media_type in ('image/png', 'image/webp')),
  bytes blob not null check (length(bytes) <= 65536),
  set_at integer not null
) strict, without rowid;

-- What an initiator registered to speak CIBA (CIBA Core 1.0 §4, RFC 7591 §2).
create table initiators (
  client_id text primary key references clients (id),
  delivery_mode text not null check (delivery_mode in ('poll', 'ping', 'push')),
  notification_url text,
  auth_method text not null check (auth_method in ('client_secret_basic', 'client_secret_post', 'private_key_jwt',
                                                   'tls_client_auth', 'self_signed_tls_client_auth')),
  -- A JWK Set of its public keys, or where one lies.
  jwks text,
  jwks_url text,
  tls_subject text,
  -- Words apart by spaces.
  scopes text not null,
  request_alg text,
  -- Types of authorization_details that it may ask for, apart by spaces (RFC 9396 §10).
  detail_types text not null,
  -- Its users type a code that it shows them.
  requires_match_code integer not null check (requires_match_code in (0, 1)),
  takes_user_code integer not null check (takes_user_code in (0, 1)),
  token_format text not null check (token_format in ('jwt', 'opaque')),
  -- To what its tokens must be bound; null where it may choose.
  bound_by text check (bound_by in ('dpop', 'certificate')),
  -- The rules that it is held to, beyond the server's.
  profile text not null check (profile in ('core', 'fapi')),
  check ((delivery_mode = 'poll') = (notification_url is null)),
  check (jwks is null or jwks_url is null)
) strict, without rowid;

-- Signed JWTs of clients that were taken once (RFC 7523 §3, CIBA Core 1.0 §7.1.1), until they end by themselves.
create table spent_jwts (
  client_id text not null,
  use text not null check (use in ('assertion', 'request', 'proof')),
  -- Of its jti.
  hash blob not null,
  ends_at integer not null,
  primary key (client_id, use, hash)
) strict, without rowid;
create index spent_jwts_ends on spent_jwts (ends_at);

-- Whom an initiator may ask, and for what at most.
create table client_links (
  user_id text not null references users (id),
  client_id text not null references clients (id),
  -- By which the client knows the user: another one for each client, and for each linking.
  subject text not null unique,
  scopes text not null,
  linked_at integer not null,
  primary key (user_id, client_id)
) strict, without rowid;
create index links_of_client on client_links (client_id, subject);

-- Codes by which a user links an app where no browser can be sent: typed in, or read from a picture. Each is good once.
create table link_codes (
  id text primary key,
  -- Keyed: a code is too short for a hash that anybody can make.
  mac text not null unique,
  client_id text not null references clients (id),
  scopes text not null,
  state text not null check (state in ('open', 'linked', 'declined')),
  -- Who linked it by this code.
  user_id text,
  created_at integer not null,
  expires_at integer not null,
  check ((state = 'linked') = (user_id is not null))
) strict, without rowid;
create index link_codes_by_end on link_codes (expires_at);

-- requests
create table token_requests (
  id text primary key,
  client_id text not null,
  user_id text not null,
  protocol text not null,
  delivery text not null check (delivery in ('notifier', 'code', 'none', 'poll', 'ping', 'push')),
  state text not null check (state in ('pending', 'approved', 'rejected', 'expired', 'withdrawn')),
  reason text check (length(reason) <= 140),
  address text,
  redirect_url text,
  redirect_state text,
  -- Two open requests of one client and user that have the same fold are the same request.
  fold text,
  -- traceparent (W3C Trace Context) of the ask, where traces are on.
  trace text,
  -- JSON: what is asked for, where it is not everything.
  terms text,
  requested_at integer not null,
  expires_at integer not null,
  token_expires_at integer not null,
  settled_at integer,
  check ((state = 'pending') = (settled_at is null)),
  check (expires_at > requested_at)
) strict, without rowid;
create unique index token_requests_pending on token_requests (user_id, client_id, fold) where state = 'pending';
-- A pending one is found by the index above; here are those that rest.
create index token_requests_settled on token_requests (user_id, id) where state <> 'pending';

-- An app of one user is asked about by way of its user; of one that asks many, here are the requests.
create index token_requests_of_client on token_requests (client_id, id) where protocol = 'ciba';

-- How a client comes back for a result (CIBA Core 1.0 §7.3, §10.1). The auth_req_id is made of the request's id and kept nowhere.
create table request_handles (
  request_id text primary key,
  -- Seconds that the client waits between two polls; it grows when it does not.
  interval_seconds integer not null,
  polled_at integer,
  -- The result was given out, the one time.
  redeemed_at integer,
  -- Bearer token by which the client knows a ping or push of ours.
  sealed_bearer blob,
  -- The user has typed the code that the client shows.
  matched_at integer
) strict, without rowid;

-- How often a user was wrong about a code in a row. Neither time nor a new code makes it fewer.
create table code_tries (
  user_id text not null,
  -- match: codes that clients show, of all requests. user_code: and a client: the user's own, as that client said it.
  about text not null,
  failures integer not null,
  locked_until integer not null,
  primary key (user_id, about)
) strict, without rowid;

-- How a user stands to a client whose requests they have rejected. An approval clears it.
create table client_standings (
  user_id text not null,
  client_id text not null,
  rejections integer not null,
  -- Until then the client may not ask.
  paused_until integer not null,
  -- Reported and blocked by the user; until the user takes it back.
  blocked_at integer,
  primary key (user_id, client_id)
) strict, without rowid;

-- What was shown to whom, and is good for one signature.
create table reviews (
  challenge text primary key,
  request_id text not null,
  user_id text not null,
  approval text not null,
  nonce blob not null check (length(nonce) = 32),
  -- JSON: numbers of the details that the user does not give.
  withheld text not null,
  created_at integer not null,
  expires_at integer not null
) strict, without rowid;
create index reviews_of_request on reviews (request_id);

create table decisions (
  request_id text primary key,
  user_id text not null,
  decision text not null check (decision in ('approved', 'rejected')),
  channel text not null,
  evidence text,
  -- JSON: numbers of the details that the user did not give.
  withheld text not null,
  decided_at integer not null,
  check ((decision = 'approved') = (evidence is not null))
) strict, without rowid;

-- tokens
create table tokens (
  id text primary key,
  hash blob not null unique check (length(hash) = 32),
  request_id text not null,
  client_id text not null,
  user_id text not null,
  -- JSON: claims of it beyond those of every token, for instance its scope.
  claims text,
  state text not null check (state in ('active', 'revoked')),
  issued_at integer not null,
  expires_at integer not null,
  revoked_at integer,
  -- 0 is the token that the decision brought; each refresh brings one more.
  round integer not null default 0,
  unique (request_id, round),
  check ((state = 'revoked') = (revoked_at is not null))
) strict, without rowid;
create index tokens_of_user on tokens (user_id, id);

-- What one approval gives beyond one token: each refresh brings the next one, until the family ends (RFC 6749 §6).
create table token_families (
  request_id text primary key,
  client_id text not null,
  user_id text not null,
  -- JSON, as of its tokens. A refresh may ask for less, never for more.
  claims text not null,
  -- How long each of its tokens is good.
  token_life_ms integer not null,
  -- Of its newest token.
  round integer not null default 0,
  state text not null check (state in ('active', 'revoked')),
  issued_at integer not null,
  renewed_at integer,
  expires_at integer not null,
  revoked_at integer,
  check ((state = 'revoked') = (revoked_at is not null))
) strict, without rowid;
create index token_families_of_user on token_families (user_id) where state = 'active';

-- The one of its family's round is good; whoever comes with an older one ends the family.
create table refresh_tokens (
  hash blob primary key check (length(hash) = 32),
  request_id text not null,
  round integer not null,
  -- As its family.
  expires_at integer not null,
  unique (request_id, round)
) strict, without rowid;
create index refresh_tokens_by_end on refresh_tokens (expires_at);

create table signing_keys (
  id text primary key,
  public_jwk text not null,
  sealed blob not null,
  created_at integer not null,
  -- From then on it signs; before, it is only made known.
  signs_from integer not null
) strict, without rowid;

create table authorization_codes (
  hash blob primary key check (length(hash) = 32),
  request_id text not null unique,
  client_id text not null,
  user_id text not null,
  redirect_url text not null,
  sealed blob,
  expires_at integer not null,
  used_at integer
) strict, without rowid;

-- notices
create table contacts (
  id text primary key,
  user_id text not null references users (id),
  channel text not null,
  address text not null,
  -- The messenger's own id of the user, learned from what it sends us.
  scoped_id text,
  -- What else the channel needs to reach them, for instance the keys of a browser; sealed by the channel.
  sealed blob,
  -- What the user knows it by, and the language they read there.
  label text,
  language text,
  -- The session that added it: when its user ends that session, the device is no longer told.
  session_id text,
  -- When its user last wrote to us there, where they can.
  heard_at integer,
  -- Removed: what is there for every user stays away once it was taken away.
  state text not null check (state in ('active', 'suspended', 'unreachable', 'removed')),
  created_at integer not null,
  unique (channel, address)
) strict, without rowid;
create index contacts_of_user on contacts (user_id);
create index contacts_by_scoped_id on contacts (channel, scoped_id) where scoped_id is not null;

create table notices (
  id text primary key,
  request_id text not null,
  client_id text not null,
  user_id text not null,
  contact_id text not null,
  channel text not null,
  -- Which telling of its request: the next one waits until this one was shown, or has failed.
  step integer not null,
  -- What is told: that a request waits, or how one ended that was told of.
  about text not null check (
    about in ('waiting', 'approved', 'rejected', 'expired', 'withdrawn', 'undelivered')
  ),
  state text not null check (state in ('queued', 'sent', 'delivered', 'shown', 'failed', 'cancelled')),
  external_id text,
  failure text,
  trace text,
  expires_at integer not null,
  created_at integer not null,
  updated_at integer not null
) strict, without rowid;
create index notices_of_request on notices (request_id);
create unique index notices_by_external_id on notices (channel, external_id) where external_id is not null;

-- How a user wants to be told. Who has no row has the defaults.
create table notice_settings (
  user_id text primary key references users (id),
  -- Channels in order, apart by commas.
  channels text not null,
  next_after_ms integer not null,
  -- `HH:MM` to `HH:MM` in a zone of the IANA database; all three or none.
  quiet_from text,
  quiet_to text,
  zone text,
  muted_until integer,
  language text,
  updated_at integer not null,
  check ((quiet_from is null) = (quiet_to is null) and (quiet_from is null) = (zone is null))
) strict, without rowid;

-- When a user was told since they last approved something, at most a day back: instants apart by commas.
create table notice_budgets (
  user_id text primary key references users (id),
  told_at text not null
) strict, without rowid;

-- News of an account to its user, where it has to do with no request.
create table account_notices (
  id text primary key,
  user_id text not null,
  contact_id text not null,
  channel text not null,
  about text not null check (about in ('new_passkey_link', 'recovery_codes_made', 'account_recovered')),
  state text not null check (state in ('queued', 'sent', 'failed')),
  failure text,
  -- What is told of, for instance when a link begins to work.
  at integer not null,
  expires_at integer not null,
  created_at integer not null,
  updated_at integer not null
) strict, without rowid;

-- How sending went in each hour: a row for what was taken, and one for each kind of failure.
create table channel_counts (
  channel text not null,
  hour integer not null,
  outcome text not null,
  count integer not null,
  last_at integer not null,
  primary key (channel, hour, outcome)
) strict, without rowid;

-- deliveries
create table deliveries (
  id text primary key,
  request_id text not null unique,
  client_id text not null,
  user_id text not null,
  -- A token to a notifier endpoint; or by CIBA a push of tokens, or that there are none, or a ping that says come and see.
  kind text not null check (kind in ('token', 'push', 'push_error', 'ping')),
  token_id text,
  url text not null,
  state text not null check (state in ('queued', 'delivered', 'undeliverable')),
  trace text,
  expires_at integer not null,
  created_at integer not null,
  settled_at integer,
  -- In test mode: no attempt leaves the server, each one fails.
  is_failing integer not null default 0,
  check ((kind in ('token', 'push')) = (token_id is not null)),
  check ((state = 'queued') = (settled_at is null))
) strict, without rowid;

create index deliveries_of_client on deliveries (client_id, id);

-- The sealed payload stands apart and leaves in the transaction that records the 2xx.
create table delivery_payloads (
  delivery_id text primary key,
  sealed blob not null,
  -- Bearer token by which the client knows the call as ours (CIBA Core 1.0 §9).
  sealed_bearer blob
) strict, without rowid;

-- Attempts that have ended. One that is under way is a lease in the outbox; it stands here as started only if its delivery
-- was taken back meanwhile.
create table delivery_attempts (
  delivery_id text not null,
  number integer not null,
  state text not null check (state in ('started', 'succeeded', 'failed', 'unknown')),
  started_at integer not null,
  ended_at integer,
  status integer,
  failure text,
  response text,
  -- What was sent and answered, cut short and without the token; headers as JSON.
  sent_headers text,
  sent_body text,
  answer_headers text,
  primary key (delivery_id, number),
  check ((state = 'started') = (ended_at is null))
) strict, without rowid;

-- Who holds a stream by which deliveries of a client reach a developer's machine; nobody, once it was not seen for a while.
create table listeners (
  client_id text primary key,
  stream_id text not null,
  seen_at integer not null
) strict, without rowid;

-- An attempt on its way by such a stream, and what came back. The payload stays where it lies.
create table listen_posts (
  delivery_id text not null,
  number integer not null,
  client_id text not null,
  headers text not null,
  status integer,
  failure text,
  response text,
  primary key (delivery_id, number)
) strict, without rowid;
create index listen_posts_of_client on listen_posts (client_id);

-- Whether an endpoint has shown that it is there and its client's own. Another URL has another row: nothing is inherited.
create table notifier_proofs (
  client_id text not null,
  url text not null,
  state text not null check (state in ('unproven', 'proven', 'gone')),
  note text,
  tries integer not null,
  checked_at integer not null,
  primary key (client_id, url)
) strict, without rowid;

-- feedback
create table feedback (
  id text primary key,
  user_id text,
  page text not null,
  text text not null check (length(text) <= 4000),
  contact text,
  created_at integer not null
) strict, without rowid;

create table feedback_forwards (
  feedback_id text not null,
  way text not null check (way in ('webhook', 'mail')),
  state text not null check (state in ('queued', 'sent', 'failed')),
  note text,
  updated_at integer not null,
  primary key (feedback_id, way)
) strict, without rowid;

-- outbox
create table outbox (
  id text primary key,
  kind text not null check (kind in ('notify', 'deliver', 'expire', 'prove', 'feedback', 'simulate', 'announce', 'answer', 'issue')),
  ref text not null,
  lane text not null,
  due_at integer not null,
  -- When due_at was worked out: one that lies ahead shows that the clock was set back since.
  planned_at integer not null,
  -- When a worker took it; for people alone, a lease ends by the steady clock of whoever watches it.
  leased_at integer,
  -- The same of a lease that was taken away from a worker that vanished: how that attempt ended nobody knows.
  lost_at integer,
  attempt integer not null
) strict, without rowid;
create index outbox_due on outbox (kind, due_at, id) where leased_at is null;
create index outbox_leased on outbox (kind, id) where leased_at is not null;
create index outbox_due_in_lane on outbox (lane, due_at, id) where leased_at is null and kind <> 'expire';

-- Processes that do the work. One that has not been seen for some time is gone.
create table nodes (
  id text primary key,
  host text not null,
  version text not null,
  engine text not null,
  runtime text not null,
  started_at integer not null,
  seen_at integer not null
) strict, without rowid;

-- audit
create table events (
  -- Rows leave by age alone, so the largest number is never given twice.
  seq integer primary key,
  request_id text,
  user_id text,
  client_id text,
  kind text not null,
  detail text,
  actor text not null,
  -- Which operator: the id of a user, admin_key or command_line.
  actor_id text,
  address text,
  at integer not null
) strict;
create index events_of_request on events (request_id) where request_id is not null;
create index events_of_app on events (client_id, seq) where request_id is null and client_id is not null;

-- Events that were sealed together, in the tree of all that are (RFC 9162): a seal stays when its events leave by age.
create table event_seals (
  -- Events that are sealed so far, these included; and the same before them.
  size integer primary key,
  since_size integer not null unique,
  -- Theirs are the numbers above since_seq, up to last_seq.
  since_seq integer not null,
  last_seq integer not null,
  sealed_at integer not null,
  -- The edge of the tree behind them, and what they add to it; hashes of 32 bytes.
  peaks blob not null check (length(peaks) % 32 = 0),
  nodes blob not null check (length(nodes) % 32 = 0),
  note text not null,
  check (since_size < size and since_seq < last_seq)
) strict;
create index event_seals_by_time on event_seals (sealed_at, size);

-- Hashes of the events of a seal, in their order; they leave with them.
create table event_leaves (
  size integer primary key,
  hashes blob not null check (length(hashes) % 32 = 0)
) strict;

-- How often what happened to each app, by day: counted from the events a little later, so that no ask waits for it.
create table event_tallies (
  client_id text not null,
  -- Days since 1970, UTC.
  day integer not null,
  kind text not null,
  count integer not null,
  primary key (client_id, day, kind)
) strict, without rowid;

-- The last event that was counted.
create table event_tally_position (
  id integer primary key check (id = 1),
  seq integer not null
) strict, without rowid;

-- channels/whatsapp: what the webhook has brought already
create table whatsapp_events (
  id text primary key,
  received_at integer not null
) strict, without rowid;

-- Codes by which a user shows that a number is theirs: at most one of a user, kept as a MAC.
create table whatsapp_links (
  user_id text primary key references users (id),
  code text not null unique,
  -- The language that the user reads, and where they were when they asked for it.
  language text,
  address text,
  expires_at integer not null
) strict, without rowid;

-- Codes that fitted none, by a MAC of who wrote them.
create table whatsapp_tries (
  sender text primary key,
  count integer not null,
  since integer not null
) strict, without rowid;

-- What is to be said to somebody who wrote to us.
create table whatsapp_answers (
  id text primary key,
  recipient text not null,
  about text not null check (about in ('connected', 'move', 'code_wrong', 'stopped')),
  -- What the words leave room for, for instance the handle of an account.
  detail text,
  language text,
  expires_at integer not null
) strict, without rowid;

-- The keys of the phone that a contact last wrote from, where Meta tells them.
create table whatsapp_identities (
  contact_id text primary key,
  hash text not null,
  seen_at integer not null
) strict, without rowid;

-- When the number may send its next message: all nodes queue here.
create table whatsapp_paces (
  number text primary key,
  -- Epoch microseconds.
  next_us integer not null
) strict, without rowid;

-- Messages that one person got in a row, and when the first one was; kept for minutes.
create table whatsapp_pairs (
  recipient text primary key,
  since integer not null,
  count integer not null check (count > 0)
) strict, without rowid;

-- Facts of the whole store, for instance a value sealed by the master key that shows whether the key is the right one.
create table store_facts (
  name text primary key,
  value blob not null
) strict, without rowid;
