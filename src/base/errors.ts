const refusals = {
  admin_key_wrong: 'This needs the admin key as a bearer token.',
  approval_changed: 'What was shown has changed since. Read the request again, then decide.',
  app_name_missing: 'Give the app a name of 1 to 80 characters.',
  asks_paused: 'This app may not ask now. Wait as long as retry-after says.',
  assertion_refused: 'The passkey did not confirm this. Try again with a passkey of this account.',
  channel_off: 'This way of being told is not set up on this server.',
  channel_unavailable: 'The messenger does not answer now. Try again in a moment.',
  client_credentials_wrong: 'The client id or the client secret is wrong.',
  client_deleted: 'This app is being deleted by its owner.',
  client_disabled: 'This app is disabled.',
  client_expired: 'This app has expired.',
  client_metadata_refused: 'The app may not be registered like this.',
  client_not_found: 'No app has this id.',
  client_not_individual: 'This app belongs to no single user, so its id does not say whom to ask.',
  client_not_listenable:
    'Deliveries of this app may not be listened to: it is not in test mode, and the operator has not allowed it.',
  client_not_test: 'This app is not in test mode, so a person must answer its requests.',
  client_rejected: 'This app was not accepted by the operator.',
  client_reviewed: 'This app does not wait for a review.',
  client_under_review: 'This app is still under review by the operator.',
  contact_not_found: 'This account has no such contact.',
  contact_taken: 'Another account is told at this number already.',
  details_refused: 'The authorization_details may not be asked for.',
  nothing_granted: 'Keep at least one part of what is asked, or reject the request.',
  codes_locked:
    'Too many wrong codes were typed, so no more are taken for a while. Nothing was approved; you can still reject.',
  match_code_missing: 'Type the code that the app shows before you approve.',
  match_code_unasked: 'This request has no code to type.',
  match_code_wrong: 'This is not the code that the app shows.',
  code_wrong: 'The code is wrong, was used before, or has expired.',
  cross_origin: 'This call must come from our own pages, as JSON.',
  encryption_key_refused: 'The encryption key may not be used.',
  confirm_first: 'Confirm with your passkey that it is you, then do this again.',
  enrolment_waits: 'This link does not work yet.',
  enrolment_invalid: 'This link was used already or is too old. Ask for a new one.',
  feedback_not_found: 'There is no feedback with this id.',
  handle_taken: 'A user with this handle or id exists already.',
  icon_refused: 'An icon is a PNG or WebP picture of 16 to 1024 pixels each way and at most 64 KiB.',
  icon_not_found: 'This app has no icon.',
  input_invalid: 'The call is not of the form that this address takes.',
  last_operator: 'You are the only operator. Give the role to somebody else first.',
  link_code_wrong: 'The code is wrong, was used before, or is too old. Ask the app for a new one.',
  link_not_found: 'There is no such link.',
  last_passkey: 'This is the only passkey of the account. Add another one before you remove it.',
  last_secret: 'This is the only secret of the app. Make a new one before you remove it.',
  metrics_key_wrong: 'This needs the metrics key, or the admin key, as a bearer token.',
  notice_settings_wrong: 'These settings cannot be kept.',
  not_signed_in: 'Sign in first.',
  not_ready: 'This server cannot do its work now.',
  not_operator: 'Only an operator of this server may do this.',
  overloaded: 'There is more to do here than can be done now. Come back when retry-after says.',
  own_account: 'This cannot be done to your own account. Ask another operator.',
  notifier_missing: 'This app has no Notifier Webhook Endpoint.',
  delivery_not_found: 'This app has no such delivery.',
  delivery_over: 'This delivery is over: it was taken, given up or revoked, and nothing of it is kept.',
  notifier_refused: 'The Notifier Webhook Endpoint may not be used.',
  notifier_unproven: 'The Notifier Webhook Endpoint has not yet answered our check.',
  passkey_needed: 'Confirm this with your passkey.',
  phone_invalid: 'Write the phone number with its country code, for instance +91 98123 45678.',
  passkey_not_found: 'This account has no such passkey.',
  provider_refused: 'Your organisation’s sign-in did not let you in. Try again, or ask the operator.',
  provider_unreachable: 'Your organisation’s sign-in cannot be reached now. Try again in a moment.',
  provider_unknown_user: 'There is no account here for you yet. Ask the operator.',
  push_refused: 'The push endpoint is of no push service that this server knows.',
  refresh_token_wrong:
    'The refresh token is not one of this app, was used before, has expired, or was revoked.',
  receipt_wrong: 'This receipt is not ours.',
  recovery_code_wrong: 'This recovery code is wrong or was used already. Check it, or take another one.',
  redirect_wrong: 'The redirect address is not the one that is registered for this app.',
  request_not_found: 'No token request has this id.',
  request_settled: 'The token request was already decided, was withdrawn, or has expired.',
  review_note_missing: 'Say why, in 1 to 500 characters that the owner will read.',
  review_expired: 'This page was open for too long. Read the request again, then decide.',
  secrets_full: 'An app has at most two secrets at a time. Remove one first.',
  session_not_found: 'This account has no such session.',
  signing_secret_kept:
    'This signing secret is the one that signs. Make a new one first; then the old one can be ended.',
  signing_secrets_full:
    'Two signing secrets of this kind are live already. End the older one, or wait until it ends by itself.',
  signature_wrong: 'The signature of this call is missing or wrong.',
  tls_refused: 'The certificate or the certificate authority may not be used.',
  token_invalid: 'The access token is not valid.',
  token_source_failed: 'The token cannot be made just now. Come back in a moment.',
  token_not_found: 'This account has no such token.',
  too_many_requests: 'Too many calls. Wait a moment, then try again.',
  user_code_missing: 'The user code is missing; this app is registered to send one.',
  user_code_unfit: 'A code has 4 to 64 characters.',
  user_code_wrong: 'The user code is not the one of this user.',
  user_disabled: 'This account is disabled.',
  user_not_found: 'No user has this id.',
  verify_token_wrong: 'The verify token of this call is missing or wrong.',
  binding_message_unfit:
    'The binding message must have 1 to 140 characters, none of which hides, reorders or breaks lines.',
  client_not_initiator: 'This app is not registered to ask users by CIBA.',
  proof_key_wrong: 'These tokens are bound to a key. Send a proof that the client holds it.',
  handle_unknown: 'The auth_req_id is not one of this app, or its result was given out already.',
  hint_unknown: 'The hint names no user who has linked this app.',
  idempotency_key_reused: 'This idempotency key stands for another request.',
  poll_too_soon: 'Wait longer between two polls.',
  request_context_unfit:
    'The request_context must be a JSON object of at most 2000 characters, none of which hides, reorders or breaks lines.',
  request_expired: 'The user did not decide in time.',
  request_pending: 'The user has not decided yet.',
  request_rejected: 'The user rejected the request.',
  target_refused: 'A token may be fetched for what was asked for, never for more.',
  scope_refused: 'The scope may not be asked for.',
  too_many_open: 'Too many requests of this app wait for this user. Wait until one is decided.',
} as const

export type RefusalCode = keyof typeof refusals

export interface RefusalOptions extends ErrorOptions {
  /** A sentence that says more than the standing one, for instance which rule a URL broke. */
  detail?: string
  /** Facts that the caller may have, for instance the state that won. */
  facts?: Record<string, string | number>
}

/** A no that the caller can act on. The code is stable across releases, the message is for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly facts: Record<string, string | number>

  constructor(code: RefusalCode, { detail, facts = {}, ...options }: RefusalOptions = {}) {
    // An answer, not a fault: nobody reads where it came from, and to gather the stack costs as much as two reads.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(detail ?? refusals[code], options)
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.facts = facts
  }
}

/** The store cannot be used now. The message is a sentence for the operator; callers are asked to come back. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}
