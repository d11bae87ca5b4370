-- The twin of the SQLite file. Texts compare by their bytes, as SQLite does it.
-- Times are epoch milliseconds, UTC. Each table belongs to one folder of src/, named above it.

-- users
create table users (
  id text collate "C" primary key,
  handle text collate "C" not null unique,
  name text collate "C",
  state text collate "C" not null check (state in ('active', 'disabled')),
  -- owner: decides on their own account alone. operator: runs the server. auditor: sees what operators see, changes nothing.
  role text collate "C" not null default 'owner' check (role in ('owner', 'operator', 'auditor')),
  -- The last time, also where it is active again: what was approved before is over.
  disabled_at bigint,
  created_at bigint not null
);
create index users_with_role on users (role, id) where role <> 'owner';

create table enrolments (
  token_hash bytea primary key check (length(token_hash) = 32),
  user_id text collate "C" not null references users (id),
  created_at bigint not null,
  expires_at bigint not null,
  -- A link that takes the place of passkeys works only after a wait, in which its user can call it off.
  works_at bigint not null,
  used_at bigint
);
create index enrolments_of_user on enrolments (user_id);

create table passkeys (
  id text collate "C" primary key,
  user_id text collate "C" not null references users (id),
  credential_id text collate "C" not null unique,
  public_key bytea not null,
  sign_count bigint not null,
  transports text collate "C" not null,
  label text collate "C" not null,
  is_synced bigint not null check (is_synced in (0, 1)),
  created_at bigint not null,
  last_used_at bigint
);
create index passkeys_of_user on passkeys (user_id);

-- Attempts that all nodes count together, by address or user; kept for a day.
create table attempts (
  kind text collate "C" not null,
  who text collate "C" not null,
  since bigint not null,
  count bigint not null,
  primary key (kind, who)
);

-- Each makes one new passkey, for a user who has lost theirs.
create table recovery_codes (
  code_hash bytea primary key check (length(code_hash) = 32),
  user_id text collate "C" not null references users (id),
  created_at bigint not null,
  used_at bigint
);
create index recovery_codes_of_user on recovery_codes (user_id);

-- A secret that a user tells the apps that may ask them (CIBA Core 1.0 §7.1). Keyed: people choose short ones.
create table user_codes (
  user_id text primary key references users (id),
  mac text not null,
  set_at bigint not null
);

create table sessions (
  id text collate "C" primary key,
  secret_hash bytea not null unique check (length(secret_hash) = 32),
  user_id text collate "C" not null references users (id),
  user_agent text collate "C",
  address text collate "C",
  created_at bigint not null,
  last_seen_at bigint not null,
  expires_at bigint not null,
  -- When a passkey last said that it is its user; null while only the operator's sign-in provider has said so.
  passkey_at bigint
);
create index sessions_of_user on sessions (user_id);
create index sessions_by_end on sessions (expires_at);

-- A WebAuthn challenge is good for one answer to one question.
create table challenges (
  challenge text collate "C" primary key,
  purpose text collate "C" not null check (purpose in ('enrol', 'sign_in', 'add_passkey', 'confirm', 'recover')),
  user_id text collate "C",
  -- What exactly is confirmed.
  subject text collate "C",
  expires_at bigint not null
);
create index challenges_by_end on challenges (expires_at);

-- Who a user is at the operator's sign-in provider. Bound at the first sign-in: a handle that is given to somebody else there
-- opens nothing here.
create table user_identities (
  issuer text collate "C" not null,
  subject text collate "C" not null,
  user_id text collate "C" not null references users (id),
  created_at bigint not null,
  primary key (issuer, subject),
  unique (user_id, issuer)
);

-- A sign-in that has gone to the provider and is awaited back, once.
create table provider_sign_ins (
  state_hash bytea primary key check (length(state_hash) = 32),
  nonce text collate "C" not null,
  verifier text collate "C" not null,
  return_to text collate "C" not null,
  expires_at bigint not null
);

-- clients
create table clients (
  id text collate "C" primary key,
  kind text collate "C" not null check (kind in ('individual', 'initiator')),
  user_id text collate "C" references users (id),
  name text collate "C" not null,
  state text collate "C" not null check (state in ('under_review', 'active', 'rejected', 'expired', 'disabled')),
  purpose text collate "C",
  redirect_url text collate "C",
  postback_url text collate "C",
  notifier_url text collate "C",
  -- test: tells nobody, and a person's answer is simulated; of which kind, where no call says it.
  mode text collate "C" not null default 'live' check (mode in ('live', 'test')),
  simulate text collate "C" check (simulate in ('approve', 'reject', 'expire', 'ignore', 'block', 'notifier_fails')),
  -- The owner's own limit, shorter than the server's; null for the server's alone.
  token_life_seconds bigint check (token_life_seconds between 60 and 86400),
  -- The operator's word on an app that asks many users: on which day, by whom, and why not.
  reviewed_at bigint,
  reviewed_by text collate "C",
  review_note text collate "C",
  -- The last time that results began to go elsewhere, for whoever decides to see.
  notifier_changed_at bigint,
  -- Being deleted: it can do nothing any more, and until then its owner may take it back.
  deletes_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  check (kind = 'initiator' or user_id is not null),
  check ((reviewed_at is null) = (reviewed_by is null))
);
create index clients_of_user on clients (user_id);
create index clients_under_review on clients (id) where state = 'under_review';
create index clients_being_deleted on clients (deletes_at) where deletes_at is not null;

create table client_secrets (
  id text collate "C" not null,
  client_id text collate "C" not null references clients (id),
  hash bytea not null check (length(hash) = 32),
  prefix text collate "C" not null,
  created_at bigint not null,
  last_used_at bigint,
  -- By client first: an ask finds a client's secrets in one place.
  primary key (client_id, id)
);

create table signing_secrets (
  id text collate "C" primary key,
  client_id text collate "C" not null references clients (id),
  scheme text collate "C" not null check (scheme in ('v1', 'v1a')),
  sealed bytea not null,
  created_at bigint not null,
  expires_at bigint
);
create index signing_secrets_of_client on signing_secrets (client_id);

-- TLS of a client's own with its endpoint: a certificate to show there with its key, the only authorities trusted there.
create table client_tls (
  -- Another one at each change.
  id text collate "C" primary key,
  client_id text collate "C" not null unique references clients (id),
  certificate text collate "C",
  sealed_key bytea,
  ca text collate "C",
  -- From then on it no longer works as it stands.
  ends_at bigint not null,
  set_at bigint not null,
  check ((certificate is null) = (sealed_key is null)),
  check (certificate is not null or ca is not null)
);

create table client_icons (
  client_id text collate "C" primary key references clients (id),
  media_type text collate "C" not null check (media_type in ('image/png', 'image/webp')),
  bytes bytea not null check (length(bytes) <= 65536),
  set_at bigint not null
);

-- What an initiator registered to speak CIBA (CIBA Core 1.0 §4, RFC 7591 §2).
create table initiators (
  client_id text collate "C" primary key references clients (id),
  delivery_mode text collate "C" not null check (delivery_mode in ('poll', 'ping', 'push')),
  notification_url text collate "C",
  auth_method text collate "C" not null check (auth_method in ('client_secret_basic', 'client_secret_post', 'private_key_jwt',
                                                   'tls_client_auth', 'self_signed_tls_client_auth')),
  -- A JWK Set of its public keys, or where one lies.
  jwks text collate "C",
  jwks_url text collate "C",
  tls_subject text collate "C",
  -- Words apart by spaces.
  scopes text collate "C" not null,
  request_alg text collate "C",
  -- Types of authorization_details that it may ask for, apart by spaces (RFC 9396 §10).
  detail_types text not null,
  -- Its users type a code that it shows them.
  requires_match_code bigint not null check (requires_match_code in (0, 1)),
  takes_user_code bigint not null check (takes_user_code in (0, 1)),
  token_format text collate "C" not null check (token_format in ('jwt', 'opaque')),
  -- To what its tokens must be bound; null where it may choose.
  bound_by text collate "C" check (bound_by in ('dpop', 'certificate')),
  -- The rules that it is held to, beyond the server's.
  profile text collate "C" not null check (profile in ('core', 'fapi')),
  check ((delivery_mode = 'poll') = (notification_url is null)),
  check (jwks is null or jwks_url is null)
);

-- Signed JWTs of clients that were taken once (RFC 7523 §3, CIBA Core 1.0 §7.1.1), until they end by themselves.
create table spent_jwts (
  client_id text collate "C" not null,
  use text collate "C" not null check (use in ('assertion', 'request', 'proof')),
  -- Of its jti.
  hash bytea not null,
  ends_at bigint not null,
  primary key (client_id, use, hash)
);
create index spent_jwts_ends on spent_jwts (ends_at);

-- Whom an initiator may ask, and for what at most.
create table client_links (
  user_id text collate "C" not null references users (id),
  client_id text collate "C" not null references clients (id),
  -- By which the client knows the user: another one for each client, and for each linking.
  subject text collate "C" not null unique,
  scopes text collate "C" not null,
  linked_at bigint not null,
  primary key (user_id, client_id)
);
create index links_of_client on client_links (client_id, subject);

-- Codes by which a user links an app where no browser can be sent: typed in, or read from a picture. Each is good once.
create table link_codes (
  id text collate "C" primary key,
  -- Keyed: a code is too short for a hash that anybody can make.
  mac text collate "C" not null unique,
  client_id text collate "C" not null references clients (id),
  scopes text collate "C" not null,
  state text collate "C" not null check (state in ('open', 'linked', 'declined')),
  -- Who linked it by this code.
  user_id text collate "C",
  created_at bigint not null,
  expires_at bigint not null,
  check ((state = 'linked') = (user_id is not null))
);
create index link_codes_by_end on link_codes (expires_at);

-- requests
create table token_requests (
  id text collate "C" primary key,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  protocol text collate "C" not null,
  delivery text collate "C" not null check (delivery in ('notifier', 'code', 'none', 'poll', 'ping', 'push')),
  state text collate "C" not null check (state in ('pending', 'approved', 'rejected', 'expired', 'withdrawn')),
  reason text collate "C" check (length(reason) <= 140),
  address text collate "C",
  redirect_url text collate "C",
  redirect_state text collate "C",
  -- Two open requests of one client and user that have the same fold are the same request.
  fold text collate "C",
  -- traceparent (W3C Trace Context) of the ask, where traces are on.
  trace text collate "C",
  -- JSON: what is asked for, where it is not everything.
  terms text collate "C",
  requested_at bigint not null,
  expires_at bigint not null,
  token_expires_at bigint not null,
  settled_at bigint,
  check ((state = 'pending') = (settled_at is null)),
  check (expires_at > requested_at)
);
create unique index token_requests_pending on token_requests (user_id, client_id, fold) where state = 'pending';
-- A pending one is found by the index above; here are those that rest.
create index token_requests_settled on token_requests (user_id, id) where state <> 'pending';

-- An app of one user is asked about by way of its user; of one that asks many, here are the requests.
create index token_requests_of_client on token_requests (client_id, id) where protocol = 'ciba';

-- How a client comes back for a result (CIBA Core 1.0 §7.3, §10.1). The auth_req_id is made of the request's id and kept nowhere.
create table request_handles (
  request_id text collate "C" primary key,
  -- Seconds that the client waits between two polls; it grows when it does not.
  interval_seconds bigint not null,
  polled_at bigint,
  -- The result was given out, the one time.
  redeemed_at bigint,
  -- Bearer token by which the client knows a ping or push of ours.
  sealed_bearer bytea,
  -- The user has typed the code that the client shows.
  matched_at bigint
);

-- How often a user was wrong about a code in a row. Neither time nor a new code makes it fewer.
create table code_tries (
  user_id text not null,
  -- match: codes that clients show, of all requests. user_code: and a client: the user's own, as that client said it.
  about text not null,
  failures bigint not null,
  locked_until bigint not null,
  primary key (user_id, about)
);

-- How a user stands to a client whose requests they have rejected. An approval clears it.
create table client_standings (
  user_id text collate "C" not null,
  client_id text collate "C" not null,
  rejections integer not null,
  -- Until then the client may not ask.
  paused_until bigint not null,
  -- Reported and blocked by the user; until the user takes it back.
  blocked_at bigint,
  primary key (user_id, client_id)
);

-- What was shown to whom, and is good for one signature.
create table reviews (
  challenge text collate "C" primary key,
  request_id text collate "C" not null,
  user_id text collate "C" not null,
  approval text collate "C" not null,
  nonce bytea not null check (length(nonce) = 32),
  -- JSON: numbers of the details that the user does not give.
  withheld text not null,
  created_at bigint not null,
  expires_at bigint not null
);
create index reviews_of_request on reviews (request_id);

create table decisions (
  request_id text collate "C" primary key,
  user_id text collate "C" not null,
  decision text collate "C" not null check (decision in ('approved', 'rejected')),
  channel text collate "C" not null,
  evidence text collate "C",
  -- JSON: numbers of the details that the user did not give.
  withheld text not null,
  decided_at bigint not null,
  check ((decision = 'approved') = (evidence is not null))
);

-- tokens
create table tokens (
  id text collate "C" primary key,
  hash bytea not null unique check (length(hash) = 32),
  request_id text collate "C" not null,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  -- JSON: claims of it beyond those of every token, for instance its scope.
  claims text collate "C",
  state text collate "C" not null check (state in ('active', 'revoked')),
  issued_at bigint not null,
  expires_at bigint not null,
  revoked_at bigint,
  -- 0 is the token that the decision brought; each refresh brings one more.
  round bigint not null default 0,
  unique (request_id, round),
  check ((state = 'revoked') = (revoked_at is not null))
);
create index tokens_of_user on tokens (user_id, id);

-- What one approval gives beyond one token: each refresh brings the next one, until the family ends (RFC 6749 §6).
create table token_families (
  request_id text collate "C" primary key,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  -- JSON, as of its tokens. A refresh may ask for less, never for more.
  claims text collate "C" not null,
  -- How long each of its tokens is good.
  token_life_ms bigint not null,
  -- Of its newest token.
  round bigint not null default 0,
  state text collate "C" not null check (state in ('active', 'revoked')),
  issued_at bigint not null,
  renewed_at bigint,
  expires_at bigint not null,
  revoked_at bigint,
  check ((state = 'revoked') = (revoked_at is not null))
);
create index token_families_of_user on token_families (user_id) where state = 'active';

-- The one of its family's round is good; whoever comes with an older one ends the family.
create table refresh_tokens (
  hash bytea primary key check (length(hash) = 32),
  request_id text collate "C" not null,
  round bigint not null,
  -- As its family.
  expires_at bigint not null,
  unique (request_id, round)
);
create index refresh_tokens_by_end on refresh_tokens (expires_at);

create table signing_keys (
  id text collate "C" primary key,
  public_jwk text collate "C" not null,
  sealed bytea not null,
  created_at bigint not null,
  -- From then on it signs; before, it is only made known.
  signs_from bigint not null
);

create table authorization_codes (
  hash bytea primary key check (length(hash) = 32),
  request_id text collate "C" not null unique,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  redirect_url text collate "C" not null,
  sealed bytea,
  expires_at bigint not null,
  used_at bigint
);

-- notices
create table contacts (
  id text collate "C" primary key,
  user_id text collate "C" not null references users (id),
  channel text collate "C" not null,
  address text collate "C" not null,
  -- The messenger's own id of the user, learned from what it sends us.
  scoped_id text collate "C",
  -- What else the channel needs to reach them, for instance the keys of a browser; sealed by the channel.
  sealed bytea,
  -- What the user knows it by, and the language they read there.
  label text,
  language text collate "C",
  -- The session that added it: when its user ends that session, the device is no longer told.
  session_id text collate "C",
  -- When its user last wrote to us there, where they can.
  heard_at bigint,
  -- Removed: what is there for every user stays away once it was taken away.
  state text collate "C" not null check (state in ('active', 'suspended', 'unreachable', 'removed')),
  created_at bigint not null,
  unique (channel, address)
);
create index contacts_of_user on contacts (user_id);
create index contacts_by_scoped_id on contacts (channel, scoped_id) where scoped_id is not null;

create table notices (
  id text collate "C" primary key,
  request_id text collate "C" not null,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  contact_id text collate "C" not null,
  channel text collate "C" not null,
  -- Which telling of its request: the next one waits until this one was shown, or has failed.
  step integer not null,
  -- What is told: that a request waits, or how one ended that was told of.
  about text collate "C" not null check (
    about in ('waiting', 'approved', 'rejected', 'expired', 'withdrawn', 'undelivered')
  ),
  state text collate "C" not null check (state in ('queued', 'sent', 'delivered', 'shown', 'failed', 'cancelled')),
  external_id text collate "C",
  failure text collate "C",
  trace text collate "C",
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index notices_of_request on notices (request_id);
create unique index notices_by_external_id on notices (channel, external_id) where external_id is not null;

-- How a user wants to be told. Who has no row has the defaults.
create table notice_settings (
  user_id text collate "C" primary key references users (id),
  -- Channels in order, apart by commas.
  channels text collate "C" not null,
  next_after_ms bigint not null,
  -- `HH:MM` to `HH:MM` in a zone of the IANA database; all three or none.
  quiet_from text collate "C",
  quiet_to text collate "C",
  zone text collate "C",
  muted_until bigint,
  language text collate "C",
  updated_at bigint not null,
  check ((quiet_from is null) = (quiet_to is null) and (quiet_from is null) = (zone is null))
);

-- When a user was told since they last approved something, at most a day back: instants apart by commas.
create table notice_budgets (
  user_id text collate "C" primary key references users (id),
  told_at text collate "C" not null
);

-- News of an account to its user, where it has to do with no request.
create table account_notices (
  id text collate "C" primary key,
  user_id text collate "C" not null,
  contact_id text collate "C" not null,
  channel text collate "C" not null,
  about text collate "C" not null check (about in ('new_passkey_link', 'recovery_codes_made', 'account_recovered')),
  state text collate "C" not null check (state in ('queued', 'sent', 'failed')),
  failure text collate "C",
  -- What is told of, for instance when a link begins to work.
  at bigint not null,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);

-- How sending went in each hour: a row for what was taken, and one for each kind of failure.
create table channel_counts (
  channel text collate "C" not null,
  hour bigint not null,
  outcome text collate "C" not null,
  count bigint not null,
  last_at bigint not null,
  primary key (channel, hour, outcome)
);

-- deliveries
create table deliveries (
  id text collate "C" primary key,
  request_id text collate "C" not null unique,
  client_id text collate "C" not null,
  user_id text collate "C" not null,
  -- A token to a notifier endpoint; or by CIBA a push of tokens, or that there are none, or a ping that says come and see.
  kind text collate "C" not null check (kind in ('token', 'push', 'push_error', 'ping')),
  token_id text collate "C",
  url text collate "C" not null,
  state text collate "C" not null check (state in ('queued', 'delivered', 'undeliverable')),
  trace text collate "C",
  expires_at bigint not null,
  created_at bigint not null,
  settled_at bigint,
  -- In test mode: no attempt leaves the server, each one fails.
  is_failing bigint not null default 0,
  check ((kind in ('token', 'push')) = (token_id is not null)),
  check ((state = 'queued') = (settled_at is null))
  -- Each row is changed once, soon after it was added: the new version finds room beside it, and no index is touched.
) with (fillfactor = 60);

create index deliveries_of_client on deliveries (client_id, id);

-- The sealed payload stands apart and leaves in the transaction that records the 2xx.
create table delivery_payloads (
  delivery_id text collate "C" primary key,
  sealed bytea not null,
  -- Bearer token by which the client knows the call as ours (CIBA Core 1.0 §9).
  sealed_bearer bytea
);

-- Attempts that have ended. One that is under way is a lease in the outbox; it stands here as started only if its delivery
-- was taken back meanwhile.
create table delivery_attempts (
  delivery_id text collate "C" not null,
  number bigint not null,
  state text collate "C" not null check (state in ('started', 'succeeded', 'failed', 'unknown')),
  started_at bigint not null,
  ended_at bigint,
  status bigint,
  failure text collate "C",
  response text collate "C",
  -- What was sent and answered, cut short and without the token; headers as JSON.
  sent_headers text collate "C",
  sent_body text collate "C",
  answer_headers text collate "C",
  primary key (delivery_id, number),
  check ((state = 'started') = (ended_at is null))
);

-- Who holds a stream by which deliveries of a client reach a developer's machine; nobody, once it was not seen for a while.
create table listeners (
  client_id text collate "C" primary key,
  stream_id text collate "C" not null,
  seen_at bigint not null
);

-- An attempt on its way by such a stream, and what came back. The payload stays where it lies.
create table listen_posts (
  delivery_id text collate "C" not null,
  number bigint not null,
  client_id text collate "C" not null,
  headers text collate "C" not null,
  status bigint,
  failure text collate "C",
  response text collate "C",
  primary key (delivery_id, number)
);
create index listen_posts_of_client on listen_posts (client_id);

-- Whether an endpoint has shown that it is there and its client's own. Another URL has another row: nothing is inherited.
create table notifier_proofs (
  client_id text collate "C" not null,
  url text collate "C" not null,
  state text collate "C" not null check (state in ('unproven', 'proven', 'gone')),
  note text collate "C",
  tries bigint not null,
  checked_at bigint not null,
  primary key (client_id, url)
);

-- feedback
create table feedback (
  id text collate "C" primary key,
  user_id text collate "C",
  page text collate "C" not null,
  text text collate "C" not null check (length(text) <= 4000),
  contact text collate "C",
  created_at bigint not null
);

create table feedback_forwards (
  feedback_id text collate "C" not null,
  way text collate "C" not null check (way in ('webhook', 'mail')),
  state text collate "C" not null check (state in ('queued', 'sent', 'failed')),
  note text collate "C",
  updated_at bigint not null,
  primary key (feedback_id, way)
);

-- outbox
create table outbox (
  id text collate "C" primary key,
  kind text collate "C" not null check (kind in ('notify', 'deliver', 'expire', 'prove', 'feedback', 'simulate', 'announce', 'answer', 'issue')),
  ref text collate "C" not null,
  lane text collate "C" not null,
  due_at bigint not null,
  -- When due_at was worked out: one that lies ahead shows that the clock was set back since.
  planned_at bigint not null,
  -- When a worker took it; for people alone, a lease ends by the steady clock of whoever watches it.
  leased_at bigint,
  -- The same of a lease that was taken away from a worker that vanished: how that attempt ended nobody knows.
  lost_at bigint,
  attempt bigint not null
  -- Rows come and go all the time: what is dead is cleared away early, so that no scan walks over it for long.
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create index outbox_due on outbox (kind, due_at, id) where leased_at is null;
create index outbox_leased on outbox (kind, id) where leased_at is not null;
create index outbox_due_in_lane on outbox (lane, due_at, id) where leased_at is null and kind <> 'expire';

-- Processes that do the work. One that has not been seen for some time is gone.
create table nodes (
  id text collate "C" primary key,
  host text collate "C" not null,
  version text collate "C" not null,
  engine text collate "C" not null,
  runtime text collate "C" not null,
  started_at bigint not null,
  seen_at bigint not null
);

-- audit
create table events (
  seq bigint generated by default as identity primary key,
  request_id text collate "C",
  user_id text collate "C",
  client_id text collate "C",
  kind text collate "C" not null,
  detail text collate "C",
  actor text collate "C" not null,
  -- Which operator: the id of a user, admin_key or command_line.
  actor_id text collate "C",
  address text collate "C",
  at bigint not null
);
create index events_of_request on events (request_id) where request_id is not null;
create index events_of_app on events (client_id, seq) where request_id is null and client_id is not null;

-- Events that were sealed together, in the tree of all that are (RFC 9162): a seal stays when its events leave by age.
create table event_seals (
  -- Events that are sealed so far, these included; and the same before them.
  size bigint primary key,
  since_size bigint not null unique,
  -- Theirs are the numbers above since_seq, up to last_seq.
  since_seq bigint not null,
  last_seq bigint not null,
  sealed_at bigint not null,
  -- The edge of the tree behind them, and what they add to it; hashes of 32 bytes.
  peaks bytea not null check (length(peaks) % 32 = 0),
  nodes bytea not null check (length(nodes) % 32 = 0),
  note text collate "C" not null,
  check (since_size < size and since_seq < last_seq)
);
create index event_seals_by_time on event_seals (sealed_at, size);

-- Hashes of the events of a seal, in their order; they leave with them.
create table event_leaves (
  size bigint primary key,
  hashes bytea not null check (length(hashes) % 32 = 0)
);

-- How often what happened to each app, by day: counted from the events a little later, so that no ask waits for it.
create table event_tallies (
  client_id text collate "C" not null,
  -- Days since 1970, UTC.
  day bigint not null,
  kind text collate "C" not null,
  count bigint not null,
  primary key (client_id, day, kind)
);

-- The last event that was counted.
create table event_tally_position (
  id bigint primary key check (id = 1),
  seq bigint not null
);

-- channels/whatsapp: what the webhook has brought already
create table whatsapp_events (
  id text collate "C" primary key,
  received_at bigint not null
);

-- Codes by which a user shows that a number is theirs: at most one of a user, kept as a MAC.
create table whatsapp_links (
  user_id text collate "C" primary key references users (id),
  code text collate "C" not null unique,
  -- The language that the user reads, and where they were when they asked for it.
  language text collate "C",
  address text,
  expires_at bigint not null
);

-- Codes that fitted none, by a MAC of who wrote them.
create table whatsapp_tries (
  sender text collate "C" primary key,
  count bigint not null,
  since bigint not null
);

-- What is to be said to somebody who wrote to us.
create table whatsapp_answers (
  id text collate "C" primary key,
  recipient text collate "C" not null,
  about text collate "C" not null check (about in ('connected', 'move', 'code_wrong', 'stopped')),
  -- What the words leave room for, for instance the handle of an account.
  detail text,
  language text collate "C",
  expires_at bigint not null
);

-- The keys of the phone that a contact last wrote from, where Meta tells them.
create table whatsapp_identities (
  contact_id text collate "C" primary key,
  hash text collate "C" not null,
  seen_at bigint not null
);

-- When the number may send its next message: all nodes queue here.
create table whatsapp_paces (
  number text collate "C" primary key,
  -- Epoch microseconds.
  next_us bigint not null
);

-- Messages that one person got in a row, and when the first one was; kept for minutes.
create table whatsapp_pairs (
  recipient text collate "C" primary key,
  since bigint not null,
  count bigint not null check (count > 0)
);

-- Facts of the whole store, for instance a value sealed by the master key that shows whether the key is the right one.
create table store_facts (
  name text collate "C" primary key,
  value bytea not null
);
