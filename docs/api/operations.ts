import type { RefusalCode } from '#base/errors.ts'
import type { ShapeName } from './shapes.ts'

/** Who may call: each asks for its own credentials. */
export type Access = 'anyone' | 'client' | 'secret' | 'token' | 'user' | 'admin' | 'meta'

export interface Operation {
  /** What it does, as an order of a few words. */
  summary: string
  /** More, in a sentence or two. */
  about?: string
  tag: TagName
  access: Access
  /** Shape of the answer by status; null for one without a body, a media type for one that is no JSON. */
  answers: Record<number, ShapeName | null | `${'text' | 'application'}/${string}`>
  /** Noes besides those that come with the access and with a body. */
  refusals?: readonly RefusalCode[]
  /** Errors in Upstox's envelope; [status, code] for those that only this protocol has. */
  upstox?: readonly (RefusalCode | readonly [number, string])[]
  /** Errors of RFC 6749 §5.2 and CIBA Core 1.0 §11, §13; [status, error] for those that only this protocol has. */
  oauth?: readonly (RefusalCode | readonly [number, string])[]
  /** A request body that is read by hand, so that the route has no schema of it. */
  body?: { type: string; properties: Record<string, [about: string, isNeeded: boolean]>; isJsonOnly?: true }
  /** Headers of the answer that mean something. */
  headers?: Record<string, string>
  parameters?: Record<string, string>
}

export const tags = {
  'Token requests': 'Ask for a token and follow what becomes of the ask. For clients.',
  'OpenID CIBA':
    'Ask many users, each of whom has linked the client (CIBA Core 1.0). For clients, by any library that knows it.',
  'Upstox login': 'The other calls of Upstox’s API that a client of it makes next.',
  'Signing in': 'Passkeys and sessions. For our own pages; may change in any release.',
  Approvals: 'What a user sees and decides. For our own pages; may change in any release.',
  'My apps': 'Apps of the user who is signed in, and their deliveries. For our own pages.',
  Operator:
    'Users, apps, the audit log and the state of the server: by the admin key, or on our own pages by the role operator (auditor to look).',
  Channels: 'Where messengers report. Not for anybody else.',
  Server: 'Health, and these documents.',
} as const

export type TagName = keyof typeof tags

const CLIENT_STATES = [
  'client_under_review',
  'client_rejected',
  'client_expired',
  'client_disabled',
  'client_deleted',
] as const satisfies RefusalCode[]
const OWN_APP = ['client_not_found'] as const satisfies RefusalCode[]
const APP_FORM = [
  'app_name_missing',
  'notifier_refused',
  'redirect_wrong',
  'encryption_key_refused',
  'client_not_test',
] as const satisfies RefusalCode[]
const OWN_REQUEST = ['request_not_found'] as const satisfies RefusalCode[]

const TOKEN_FORM = {
  type: 'application/x-www-form-urlencoded',
  properties: {
    grant_type: ['`urn:openid:params:grant-type:ciba`', true],
    auth_req_id: ['As `/bc-authorize` answered it', true],
  },
} as const satisfies Operation['body']
const TOKEN_ONLY = {
  type: 'application/x-www-form-urlencoded',
  properties: { token: ['The access token', true] },
} as const satisfies Operation['body']
const TOKEN_NOES = [
  [400, 'invalid_request'],
  [400, 'unsupported_grant_type'],
  [400, 'unauthorized_client'],
  'client_credentials_wrong',
  'request_pending',
  'poll_too_soon',
  'request_rejected',
  'request_expired',
  'handle_unknown',
] as const satisfies Operation['oauth']
const POST_ALONE = {
  tag: 'OpenID CIBA',
  access: 'anyone',
  answers: {},
  oauth: [[405, 'invalid_request']],
} as const
const EVENT_FILTER = {
  kind: 'What happened',
  actor: 'Who: `user`, `client`, `operator`, `system`, or a channel',
  actor_id: 'Which operator',
  user_id: 'Of this user',
  client_id: 'Of this app',
  request_id: 'Of this request',
  from: 'Not before, epoch milliseconds',
  to: 'Not after, epoch milliseconds',
}

/** Every operation there is, by method and path. One that is served and not named here fails `npm run check`. */
export const operations: Record<string, Operation> = {
  'POST /v3/login/auth/token/request/{client_id}': {
    summary: 'Ask for an access token',
    about:
      'Upstox’s Access Token Request. The user is told, and after their approval the token is POSTed to the Notifier Webhook Endpoint of the app. A repeat while a request is open returns the open one and rings no phone again.',
    tag: 'Token requests',
    access: 'secret',
    parameters: { client_id: 'Id of the app, which also says which user is asked' },
    body: {
      type: 'application/json',
      properties: {
        client_secret: ['Secret of the app', true],
        reason: ['Why, at most 140 characters; shown to the user in plain text. Ours, not Upstox’s', false],
      },
    },
    answers: { 200: 'UpstoxAccepted' },
    headers: {
      location: 'Address of the request: its status, and by DELETE its withdrawal',
      'countersign-telling':
        'Only where the user is not told: `undeliverable` (there is nowhere) or `throttled` (not now). The request waits in their inbox',
    },
    upstox: [
      [400, 'UDAPI1017'],
      [400, 'UDAPI1024'],
      'input_invalid',
      'client_credentials_wrong',
      'notifier_missing',
      'notifier_refused',
      'notifier_unproven',
      'asks_paused',
      'client_not_individual',
      ...CLIENT_STATES,
      'user_disabled',
      'too_many_requests',
    ],
  },
  'POST /v3/login/auth/token/request/': {
    summary: 'Ask without naming an app',
    about: 'Always refused, in words that say what is missing.',
    tag: 'Upstox login',
    access: 'anyone',
    answers: {},
    upstox: [[400, 'UDAPI1017']],
  },
  'GET /v1/requests/{id}': {
    summary: 'Read the status of a request',
    tag: 'Token requests',
    access: 'client',
    answers: { 200: 'AskStatus' },
    refusals: OWN_REQUEST,
  },
  'DELETE /v1/requests/{id}': {
    summary: 'Withdraw a request',
    about: 'Works while nobody has decided; afterwards the answer names the state that won.',
    tag: 'Token requests',
    access: 'client',
    answers: { 204: null },
    refusals: [...OWN_REQUEST, 'request_settled'],
  },
  'GET /v1/listen': {
    summary: 'Take deliveries on your own machine',
    about:
      'Server-sent events; what `countersign listen` speaks. Apps in test mode, unless the operator allows more.',
    tag: 'Token requests',
    access: 'client',
    answers: { 200: 'text/event-stream' },
    refusals: [...CLIENT_STATES, 'client_not_listenable'],
  },
  'POST /v1/listen/{id}/{attempt}': {
    summary: 'Say what your machine answered',
    tag: 'Token requests',
    access: 'client',
    answers: { 204: null },
    refusals: ['delivery_over'],
  },
  'POST /v1/listen/{id}/resend': {
    summary: 'Have a waiting delivery sent now',
    tag: 'Token requests',
    access: 'client',
    answers: { 202: 'Queued' },
    refusals: ['client_not_listenable', 'delivery_not_found', 'delivery_over'],
  },
  'POST /v1/requests/{id}/simulate': {
    summary: 'Play the person, in test mode',
    about: 'Of a test app alone: decides as a person would; all that follows is real, and marked as a test.',
    tag: 'Token requests',
    access: 'client',
    answers: { 200: 'Decided' },
    refusals: [...OWN_REQUEST, ...CLIENT_STATES, 'client_not_test', 'request_settled', 'approval_changed'],
  },
  'POST /v1/me/apps/{id}/requests/{request}/simulate': {
    summary: 'Play the person, as owner of a test app',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'Decided' },
    refusals: [...OWN_APP, ...OWN_REQUEST, 'client_not_test', 'request_settled', 'approval_changed'],
  },
  'GET /.well-known/openid-configuration': {
    summary: 'Read what this server can do',
    tag: 'OpenID CIBA',
    access: 'anyone',
    answers: { 200: 'application/json' },
  },
  'GET /.well-known/oauth-authorization-server': {
    summary: 'Read the same, at the address of RFC 8414',
    tag: 'OpenID CIBA',
    access: 'anyone',
    answers: { 200: 'application/json' },
  },
  'GET /jwks': {
    summary: 'Read the keys that tokens are signed with',
    tag: 'OpenID CIBA',
    access: 'anyone',
    answers: { 200: 'application/json' },
  },
  'POST /bc-authorize': {
    summary: 'Ask a user',
    about:
      'CIBA Core 1.0 §7. Whether there is no such user, or one who has not linked the client: the answer is the same, and nobody is told. With the header `idempotency-key` a retry is the same request.',
    tag: 'OpenID CIBA',
    access: 'client',
    body: {
      type: 'application/x-www-form-urlencoded',
      properties: {
        scope: ['Words apart by spaces, `openid` among them', true],
        login_hint: ['Handle or id of the user', true],
        binding_message: ['Shown to the user, 1 to 140 characters; the client shows it too', false],
        requested_expiry: ['Seconds', false],
        client_notification_token: ['With ping and push: by which the client knows our call', false],
      },
    },
    answers: { 200: 'CibaAccepted' },
    headers: { location: 'Address of the request: its status, and by DELETE its withdrawal' },
    oauth: [
      [400, 'invalid_request'],
      'client_credentials_wrong',
      'client_not_initiator',
      'scope_refused',
      'binding_message_unfit',
      'hint_unknown',
      'too_many_open',
    ],
  },
  'GET /bc-authorize': { summary: 'Come to the ask by a browser', ...POST_ALONE },
  'POST /token': {
    summary: 'Fetch the tokens',
    about:
      'CIBA Core 1.0 §10.1. While the user decides the call is held for up to half a minute, and answered the moment they have.',
    tag: 'OpenID CIBA',
    access: 'client',
    body: TOKEN_FORM,
    answers: { 200: 'TokenAnswer' },
    oauth: TOKEN_NOES,
  },
  'GET /token': { summary: 'Come for the tokens by a browser', ...POST_ALONE },
  'POST /oauth/token': {
    summary: 'Fetch the tokens, at the address of Auth0',
    tag: 'OpenID CIBA',
    access: 'client',
    body: TOKEN_FORM,
    answers: { 200: 'TokenAnswer' },
    oauth: TOKEN_NOES,
  },
  'GET /oauth/token': { summary: 'Come for the tokens by a browser, at the address of Auth0', ...POST_ALONE },
  'POST /introspect': {
    summary: 'Ask whether a token is good',
    about: 'RFC 7662, for the client whose token it is. Of any other it hears that it is not active.',
    tag: 'OpenID CIBA',
    access: 'client',
    body: TOKEN_ONLY,
    answers: { 200: 'application/json' },
    oauth: [[400, 'invalid_request'], 'client_credentials_wrong'],
  },
  'GET /introspect': { summary: 'Come to the introspection by a browser', ...POST_ALONE },
  'POST /revoke': {
    summary: 'End a token',
    about: 'RFC 7009. Done is also what needed no doing.',
    tag: 'OpenID CIBA',
    access: 'client',
    body: TOKEN_ONLY,
    answers: { 200: 'application/json' },
    oauth: [[400, 'invalid_request'], 'client_credentials_wrong'],
  },
  'GET /revoke': { summary: 'Come to the revocation by a browser', ...POST_ALONE },
  'DELETE /v2/logout': {
    summary: 'End the token that is sent along',
    tag: 'Upstox login',
    access: 'token',
    answers: { 200: 'UpstoxLoggedOut' },
    upstox: ['token_invalid'],
  },
  'GET /v2/login/authorization/dialog': {
    summary: 'Ask by way of the user’s own browser',
    tag: 'Upstox login',
    access: 'anyone',
    parameters: {
      client_id: 'Id of the app',
      redirect_uri: 'The redirect address as registered',
      response_type: 'Always `code`',
      state: 'Comes back as it is',
    },
    answers: { 302: null },
    headers: { location: 'The page on which the user decides' },
    upstox: [[401, 'UDAPI100068'], 'input_invalid', ...CLIENT_STATES],
  },
  'POST /v2/login/authorization/token': {
    summary: 'Exchange a code for a token',
    tag: 'Upstox login',
    access: 'secret',
    body: {
      type: 'application/x-www-form-urlencoded',
      properties: {
        client_id: ['Id of the app', true],
        client_secret: ['Secret of the app', true],
        code: ['The code that came with the redirect', true],
        redirect_uri: ['The redirect address as registered', true],
        grant_type: ['Always `authorization_code`', true],
      },
    },
    answers: { 200: 'UpstoxToken' },
    upstox: [
      [400, 'UDAPI1017'],
      [400, 'UDAPI1024'],
      'input_invalid',
      'client_credentials_wrong',
      'code_wrong',
      ...CLIENT_STATES,
      'user_disabled',
      'too_many_requests',
    ],
  },

  'POST /v1/enrolment/options': {
    summary: 'Begin a first passkey',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 200: 'EnrolmentOptions' },
    refusals: ['enrolment_invalid', 'enrolment_waits', 'cross_origin', 'too_many_requests'],
  },
  'POST /v1/enrolment': {
    summary: 'Keep a first passkey and sign in',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 201: 'SignedIn' },
    headers: { 'set-cookie': 'The session' },
    refusals: [
      'enrolment_invalid',
      'enrolment_waits',
      'assertion_refused',
      'cross_origin',
      'too_many_requests',
    ],
  },
  'POST /v1/recovery/options': {
    summary: 'Begin a new passkey by a recovery code',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 200: 'Options' },
    refusals: ['recovery_code_wrong', 'cross_origin', 'too_many_requests'],
  },
  'POST /v1/recovery': {
    summary: 'Keep a new passkey by a recovery code and sign in',
    about:
      'The code is used up, and the user is told on every contact. Passkeys that were there before stay.',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 201: 'SignedIn' },
    headers: { 'set-cookie': 'The session' },
    refusals: ['recovery_code_wrong', 'assertion_refused', 'cross_origin', 'too_many_requests'],
  },
  'POST /v1/session/options': {
    summary: 'Begin to sign in',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 200: 'Options' },
    refusals: ['cross_origin', 'too_many_requests'],
  },
  'POST /v1/session': {
    summary: 'Sign in with a passkey',
    tag: 'Signing in',
    access: 'anyone',
    answers: { 201: 'SignedIn' },
    headers: { 'set-cookie': 'The session' },
    refusals: ['assertion_refused', 'user_disabled', 'cross_origin'],
  },
  'DELETE /v1/session': {
    summary: 'Sign out',
    tag: 'Signing in',
    access: 'user',
    answers: { 204: null },
  },
  'POST /v1/session/confirm/options': {
    summary: 'Ask for a passkey once more',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Options' },
  },
  'POST /v1/session/confirm': {
    summary: 'Show a passkey once more',
    about: 'For a while operators may then change something.',
    tag: 'Signing in',
    access: 'user',
    answers: { 204: null },
    refusals: ['passkey_needed', 'assertion_refused'],
  },
  'DELETE /v1/me/enrolment': {
    summary: 'Call off a link that would replace my passkeys',
    tag: 'Signing in',
    access: 'user',
    answers: { 204: null },
  },
  'GET /v1/me': {
    summary: 'Read who is signed in',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Me' },
  },
  'GET /v1/me/passkeys': {
    summary: 'List passkeys',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Passkeys' },
  },
  'POST /v1/me/passkeys/options': {
    summary: 'Begin one more passkey',
    about:
      'Where a passkey of the account was not shown in the last ten minutes, it has to be first (`/v1/session/confirm`).',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Options' },
    refusals: ['user_not_found', 'user_disabled', 'confirm_first'],
  },
  'POST /v1/me/passkeys': {
    summary: 'Keep one more passkey',
    tag: 'Signing in',
    access: 'user',
    answers: { 201: 'Made' },
    refusals: ['assertion_refused', 'confirm_first'],
  },
  'DELETE /v1/me/passkeys/{id}': {
    summary: 'Remove a passkey',
    tag: 'Signing in',
    access: 'user',
    answers: { 204: null },
    refusals: ['passkey_not_found', 'last_passkey'],
  },
  'GET /v1/me/recovery-codes': {
    summary: 'Tell how many recovery codes are left',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'RecoveryCodesCard' },
  },
  'POST /v1/me/recovery-codes/confirm': {
    summary: 'Begin to confirm new recovery codes',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Options' },
  },
  'POST /v1/me/recovery-codes': {
    summary: 'Make new recovery codes',
    about:
      'Ten, shown this once, each good for one new passkey. Older ones stop working, and the user is told.',
    tag: 'Signing in',
    access: 'user',
    answers: { 201: 'NewRecoveryCodes' },
    refusals: ['assertion_refused'],
  },
  'GET /v1/me/sessions': {
    summary: 'List sessions',
    tag: 'Signing in',
    access: 'user',
    answers: { 200: 'Sessions' },
  },
  'DELETE /v1/me/sessions/{id}': {
    summary: 'End a session',
    tag: 'Signing in',
    access: 'user',
    answers: { 204: null },
    refusals: ['session_not_found'],
  },

  'GET /v1/me/contacts': {
    summary: 'List where one is told',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Contacts' },
  },
  'DELETE /v1/me/contacts/{id}': {
    summary: 'Stop being told somewhere',
    tag: 'Approvals',
    access: 'user',
    answers: { 204: null },
    refusals: ['contact_not_found'],
  },
  'GET /v1/me/notice-settings': {
    summary: 'Read how one wants to be told',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'NoticeSettingsCard' },
  },
  'PATCH /v1/me/notice-settings': {
    summary: 'Change how one wants to be told',
    about:
      'The order of channels, the wait for the next one, quiet hours, a time without notices, the language.',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'NoticeSettingsCard' },
    refusals: ['notice_settings_wrong'],
  },
  'GET /v1/me/blocked-apps': {
    summary: 'List the apps that may not ask any more',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'BlockedApps' },
  },
  'DELETE /v1/me/blocked-apps/{id}': {
    summary: 'Let an app ask again',
    tag: 'Approvals',
    access: 'user',
    answers: { 204: null },
    refusals: ['client_not_found'],
  },
  'GET /v1/me/whatsapp': {
    summary: 'Ask whether WhatsApp is set up here',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Whatsapp' },
  },
  'POST /v1/me/whatsapp/link': {
    summary: 'Get the words that connect a phone',
    about:
      'Sent by WhatsApp from the phone within 15 minutes, they prove its number and are the consent to be told there.',
    tag: 'Approvals',
    access: 'user',
    answers: { 201: 'WhatsappLink' },
    refusals: ['channel_off', 'channel_unavailable'],
  },
  'GET /v1/me/push': {
    summary: 'Read the key that a browser subscribes with',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'PushKey' },
  },
  'PUT /v1/me/push': {
    summary: 'Be told by this browser',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'PushContact', 201: 'PushContact' },
    refusals: ['push_refused'],
  },
  'DELETE /v1/me/push': {
    summary: 'Stop being told by this browser',
    tag: 'Approvals',
    access: 'user',
    answers: { 204: null },
  },
  'POST /v1/notices/shown': {
    summary: 'Report that a notice was shown',
    about: 'By the receipt in the notice, also after the session has ended.',
    tag: 'Approvals',
    access: 'anyone',
    answers: { 204: null },
    refusals: ['receipt_wrong', 'cross_origin'],
  },

  'GET /v1/me/requests': {
    summary: 'List requests, newest first',
    tag: 'Approvals',
    access: 'user',
    parameters: { status: 'Only those in this state', cursor: '`next` of the page before' },
    answers: { 200: 'RequestPage' },
  },
  'GET /v1/me/requests/{id}': {
    summary: 'Read a request',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'RequestDetail' },
    refusals: OWN_REQUEST,
  },
  'POST /v1/me/requests/{id}/review': {
    summary: 'Begin a decision',
    about: 'Answers the exact text to show, which is what the passkey signs.',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Review' },
    refusals: [...OWN_REQUEST, 'request_settled'],
  },
  'POST /v1/me/requests/{id}/approve': {
    summary: 'Approve with a passkey',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Decided' },
    refusals: [
      ...OWN_REQUEST,
      'request_settled',
      'review_expired',
      'approval_changed',
      'assertion_refused',
      'user_disabled',
    ],
  },
  'POST /v1/me/requests/{id}/reject': {
    summary: 'Reject',
    about:
      'With `report`, the app may not ask this user again until they let it, and the operator hears of it.',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Decided' },
    refusals: [...OWN_REQUEST, 'request_settled'],
  },
  'GET /v1/me/requests/{id}/evidence': {
    summary: 'Take the proof of an approval along',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Evidence' },
    refusals: OWN_REQUEST,
  },
  'GET /v1/me/events': {
    summary: 'Hear of changes as they come',
    about: 'Server-sent events named `request`; 204 when 20 streams of this user are open already.',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'text/event-stream', 204: null },
  },
  'GET /v1/me/tokens': {
    summary: 'List tokens that are out',
    tag: 'Approvals',
    access: 'user',
    answers: { 200: 'Tokens' },
  },
  'DELETE /v1/me/tokens/{id}': {
    summary: 'Revoke a token',
    tag: 'Approvals',
    access: 'user',
    answers: { 204: null },
    refusals: ['token_not_found'],
  },
  'POST /v1/me/test-request': {
    summary: 'Send oneself a test request',
    tag: 'Approvals',
    access: 'user',
    answers: { 201: 'Opened' },
  },
  'POST /v1/me/authorizations': {
    summary: 'Open a request that began in the browser',
    tag: 'Approvals',
    access: 'user',
    answers: { 201: 'Opened' },
    refusals: [...OWN_APP, 'redirect_wrong', ...CLIENT_STATES],
  },

  'GET /v1/me/apps': {
    summary: 'List apps',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'Apps' },
  },
  'POST /v1/me/apps': {
    summary: 'Make an app',
    tag: 'My apps',
    access: 'user',
    answers: { 201: 'NewAppSecrets' },
    refusals: ['app_name_missing', 'notifier_refused', 'redirect_wrong', 'encryption_key_refused'],
  },
  'GET /v1/me/apps/{id}': {
    summary: 'Read an app',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'AppCard' },
    refusals: OWN_APP,
  },
  'POST /v1/me/apps/{id}/confirm': {
    summary: 'Ask for the passkey that a change needs',
    about: 'Takes the same change as the PATCH; `options` is null where no passkey is needed.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'ConfirmOptions' },
    refusals: [...OWN_APP, ...APP_FORM, 'client_deleted'],
  },
  'PATCH /v1/me/apps/{id}': {
    summary: 'Change an app',
    about:
      'What is not said stays as it is. Another notifier URL needs a fresh passkey assertion for exactly that URL, and must be proven anew.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'AppCard' },
    refusals: [...OWN_APP, ...APP_FORM, 'client_deleted', 'passkey_needed', 'assertion_refused'],
  },
  'POST /v1/me/apps/{id}/ciba/confirm': {
    summary: 'Ask whether a change of delivery needs a passkey',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'ConfirmOptions' },
    refusals: [...OWN_APP, 'client_not_initiator', 'client_metadata_refused', 'notifier_refused'],
  },
  'PUT /v1/me/apps/{id}/ciba': {
    summary: 'Say how an app that asks many users gets its results',
    about:
      'Another address is confirmed by passkey; an app that wants to ask for more goes back to the operator.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'InitiatorCard' },
    refusals: [
      ...OWN_APP,
      'client_not_initiator',
      'client_metadata_refused',
      'notifier_refused',
      'passkey_needed',
      'assertion_refused',
    ],
  },
  'DELETE /v1/me/apps/{id}': {
    summary: 'Delete an app',
    about:
      'At once it can ask no more, its open requests are withdrawn, and what is on its way to it is taken back and revoked. For seven days it can be restored.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'DeletesAt' },
    refusals: [...OWN_APP, 'client_deleted'],
  },
  'POST /v1/me/apps/{id}/restore': {
    summary: 'Take back the deletion of an app',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'AppCard' },
    refusals: OWN_APP,
  },
  'PUT /v1/me/apps/{id}/icon': {
    summary: 'Set the picture of an app',
    about: 'The body is the picture itself: PNG or WebP of 16 to 1024 pixels each way, at most 64 KiB.',
    tag: 'My apps',
    access: 'user',
    answers: { 204: null },
    refusals: [...OWN_APP, 'icon_refused'],
  },
  'DELETE /v1/me/apps/{id}/icon': {
    summary: 'Take the picture of an app away',
    tag: 'My apps',
    access: 'user',
    answers: { 204: null },
    refusals: OWN_APP,
  },
  'GET /v1/icons/{id}': {
    summary: 'See the picture of an app',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'application/octet-stream' },
    refusals: ['icon_not_found'],
  },
  'POST /v1/me/apps/{id}/secrets': {
    summary: 'Make one more client secret',
    tag: 'My apps',
    access: 'user',
    answers: { 201: 'NewAppSecrets' },
    refusals: [...OWN_APP, 'secrets_full'],
  },
  'DELETE /v1/me/apps/{id}/secrets/{secret}': {
    summary: 'Remove a client secret',
    tag: 'My apps',
    access: 'user',
    parameters: { secret: 'Id of the secret' },
    answers: { 204: null },
    refusals: [...OWN_APP, 'last_secret'],
  },
  'PUT /v1/me/apps/{id}/tls': {
    summary: 'Set TLS of the app’s own',
    about:
      'The certificate that is shown to its endpoint, and the authorities that are trusted there, as PEM. What is left out is taken away; the private key is never given back.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'TlsCard' },
    refusals: [...OWN_APP, 'tls_refused'],
  },
  'DELETE /v1/me/apps/{id}/tls': {
    summary: 'Remove TLS of the app’s own',
    tag: 'My apps',
    access: 'user',
    answers: { 204: null },
    refusals: OWN_APP,
  },
  'POST /v1/me/apps/{id}/signing-secrets': {
    summary: 'Make a new signing secret',
    about: 'The one before goes on signing for a day. Two of a kind are live at most.',
    tag: 'My apps',
    access: 'user',
    answers: { 201: 'SigningSecret' },
    refusals: [...OWN_APP, 'signing_secrets_full'],
  },
  'GET /v1/me/apps/{id}/signing-secrets': {
    summary: 'List live signing secrets',
    about: 'A shared secret by its first characters, a public key whole.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'SigningSecrets' },
    refusals: OWN_APP,
  },
  'DELETE /v1/me/apps/{id}/signing-secrets/{secret}': {
    summary: 'End an old signing secret before its day is over',
    tag: 'My apps',
    access: 'user',
    parameters: { secret: 'Id of the signing secret' },
    answers: { 204: null },
    refusals: [...OWN_APP, 'signing_secret_kept'],
  },
  'GET /v1/me/apps/{id}/requests': {
    summary: 'List what an app asked, newest first',
    tag: 'My apps',
    access: 'user',
    parameters: { cursor: '`next` of the page before', status: 'Those in this state alone' },
    answers: { 200: 'AppRequests' },
    refusals: OWN_APP,
  },
  'GET /v1/me/apps/{id}/requests/{request}': {
    summary: 'Follow one request of an app',
    about:
      'Times and channels; where its user is, and at which number they are told, is not the owner’s to know.',
    tag: 'My apps',
    access: 'user',
    parameters: { request: 'Id of the request' },
    answers: { 200: 'AppRequestDetail' },
    refusals: [...OWN_APP, 'request_not_found'],
  },
  'GET /v1/me/apps/{id}/days': {
    summary: 'Count what an app did, each of the last 30 days',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'AppDays' },
    refusals: OWN_APP,
  },
  'GET /v1/me/apps/{id}/history': {
    summary: 'List what happened to an app itself, newest first',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'AppHistory' },
    refusals: OWN_APP,
  },
  'GET /v1/me/apps/{id}/events': {
    summary: 'Hear of what an app does as it happens',
    about: 'Server-sent events named `request`; 204 when 20 streams of this user are open already.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'text/event-stream', 204: null },
    refusals: OWN_APP,
  },
  'POST /v1/me/judge-url': {
    summary: 'Find out whether a URL may be used',
    about: 'By its form and by where its name leads; nothing is sent there.',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'UrlVerdict' },
    refusals: ['too_many_requests'],
  },
  'GET /v1/me/apps/{id}/deliveries': {
    summary: 'List deliveries, newest first',
    tag: 'My apps',
    access: 'user',
    parameters: { cursor: '`next` of the page before', state: 'Those in this state alone' },
    answers: { 200: 'Deliveries' },
    refusals: OWN_APP,
  },
  'GET /v1/me/apps/{id}/deliveries/{delivery}/attempts': {
    summary: 'List the attempts of a delivery',
    tag: 'My apps',
    access: 'user',
    parameters: { delivery: 'Id of the delivery' },
    answers: { 200: 'Attempts' },
    refusals: [...OWN_APP, 'delivery_not_found'],
  },
  'POST /v1/me/apps/{id}/deliveries/{delivery}/resend': {
    summary: 'Send a delivery now',
    tag: 'My apps',
    access: 'user',
    parameters: { delivery: 'Id of the delivery' },
    answers: { 202: 'Queued' },
    refusals: [...OWN_APP, 'delivery_not_found', 'delivery_over'],
  },
  'POST /v1/me/apps/{id}/recover': {
    summary: 'Send all deliveries that wait',
    tag: 'My apps',
    access: 'user',
    answers: { 202: 'Count' },
    refusals: OWN_APP,
  },
  'POST /v1/me/apps/{id}/test-delivery': {
    summary: 'Send a sample to the endpoint now',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'TrialCard' },
    refusals: [...OWN_APP, 'notifier_missing'],
  },
  'POST /v1/me/apps/{id}/check-notifier': {
    summary: 'Check the endpoint now',
    tag: 'My apps',
    access: 'user',
    answers: { 200: 'NotifierCard' },
    refusals: [...OWN_APP, 'notifier_missing'],
  },

  'POST /v1/feedback': {
    summary: 'Tell the people who run the server what is missing',
    about:
      'By the name of who is signed in; without one from the documents. Takes our own `origin`; five in a minute, thirty in a day.',
    tag: 'Server',
    access: 'anyone',
    answers: { 201: 'Made' },
    refusals: ['cross_origin', 'too_many_requests'],
  },
  'GET /v1/admin/feedback': {
    summary: 'List feedback, newest first',
    tag: 'Operator',
    access: 'admin',
    parameters: { cursor: '`next` of the page before' },
    answers: { 200: 'Feedback' },
  },
  'DELETE /v1/admin/feedback/{id}': {
    summary: 'Delete a feedback',
    tag: 'Operator',
    access: 'admin',
    parameters: { id: 'Id of the feedback' },
    answers: { 204: null },
    refusals: ['feedback_not_found'],
  },

  'GET /v1/admin/audit/checkpoints': {
    summary: 'List the checkpoints of the audit log, oldest first',
    about:
      'Keep them elsewhere: with them `countersign audit verify --known` shows what was cut off or written anew.',
    tag: 'Operator',
    access: 'admin',
    parameters: { after: '`next` of the page before' },
    answers: { 200: 'AuditCheckpoints' },
  },
  'GET /v1/admin/audit/export': {
    summary: 'Export the audit log',
    about: 'What `countersign audit verify` takes: a JSON text a line, in whole checkpoints.',
    tag: 'Operator',
    access: 'admin',
    parameters: { from: 'Entries sealed from then on', to: 'Entries up to then' },
    answers: { 200: 'application/x-ndjson' },
  },

  'POST /v1/admin/users': {
    summary: 'Add a user',
    tag: 'Operator',
    access: 'admin',
    answers: { 201: 'NewUser' },
    refusals: ['handle_taken', 'contact_taken', 'phone_invalid'],
  },
  'POST /v1/admin/clients': {
    summary: 'Register an app',
    tag: 'Operator',
    access: 'admin',
    answers: { 201: 'NewAppSecrets' },
    refusals: [
      'user_not_found',
      'app_name_missing',
      'notifier_refused',
      'redirect_wrong',
      'encryption_key_refused',
    ],
  },
  'PUT /v1/admin/clients/{id}/tls': {
    summary: 'Set TLS of an app’s own',
    about: 'As `PUT /v1/me/apps/{id}/tls` by its owner.',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'TlsCard' },
    refusals: ['client_not_found', 'tls_refused'],
  },
  'DELETE /v1/admin/clients/{id}/tls': {
    summary: 'Remove TLS of an app’s own',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
    refusals: ['client_not_found'],
  },
  'POST /v1/admin/clients/{id}/state': {
    summary: 'Accept, refuse or switch off an app',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
    refusals: OWN_APP,
  },

  'GET /v1/admin/users': {
    summary: 'List users',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'AdminUsers' },
    parameters: {
      q: 'Part of a handle, a name or an id',
      cursor: '`next` of the last page',
      has_role: 'Only operators and auditors',
    },
  },
  'GET /v1/admin/users/{id}': {
    summary: 'Show a user',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'AdminUserDetail' },
    refusals: ['user_not_found'],
  },
  'POST /v1/admin/users/{id}/state': {
    summary: 'Disable or enable a user',
    about:
      'Disabling ends sessions and enrolment links, withdraws open requests, revokes tokens and takes back deliveries. Enabling brings none of that back.',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
    refusals: ['user_not_found', 'own_account'],
  },
  'POST /v1/admin/users/{id}/role': {
    summary: 'Give a user a role',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
    refusals: ['user_not_found', 'last_operator'],
  },
  'POST /v1/admin/users/{id}/enrolment': {
    summary: 'Make a new enrolment link',
    about:
      'Older links stop working. For a user with a passkey it works only after a wait, of which they are told on every contact; used, it replaces their passkeys and ends their sessions.',
    tag: 'Operator',
    access: 'admin',
    answers: { 201: 'EnrolmentLink' },
    refusals: ['user_not_found', 'user_disabled', 'own_account'],
  },
  'DELETE /v1/admin/users/{id}/enrolment': {
    summary: 'Call off an enrolment link',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
  },
  'GET /v1/admin/clients': {
    summary: 'List apps',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'AdminClients' },
    parameters: {
      q: 'Part of a name or an id',
      state: 'Only in this state',
      cursor: '`next` of the last page',
    },
  },
  'GET /v1/admin/reviews': {
    summary: 'List apps that wait for a review',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'AdminClients' },
    parameters: { cursor: '`next` of the last page' },
  },
  'POST /v1/admin/clients/{id}/review': {
    summary: 'Accept or reject an app',
    about: 'A rejection needs a reason, which its owner reads.',
    tag: 'Operator',
    access: 'admin',
    answers: { 204: null },
    refusals: ['client_not_found', 'client_reviewed', 'review_note_missing'],
  },
  'GET /v1/admin/health': {
    summary: 'Show how the server is',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'ServerHealth' },
  },
  'GET /v1/admin/settings': {
    summary: 'Show the settings in force',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'Settings' },
  },
  'GET /v1/admin/events': {
    summary: 'Search the audit log',
    about:
      'Newest first. A page may be short, even empty, and still have a next one: it looks at so much of the log at a time.',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'Events' },
    parameters: { ...EVENT_FILTER, cursor: '`next` of the last page' },
  },
  'GET /v1/admin/events/export': {
    summary: 'Take the audit log along',
    tag: 'Operator',
    access: 'admin',
    answers: { 200: 'text/csv' },
    parameters: { ...EVENT_FILTER, format: '`csv` (RFC 4180) or `ndjson`' },
  },

  'GET /channels/whatsapp/webhook': {
    summary: 'Show Meta that the address is ours',
    tag: 'Channels',
    access: 'meta',
    answers: { 200: 'text/plain' },
    refusals: ['verify_token_wrong'],
  },
  'POST /channels/whatsapp/webhook': {
    summary: 'Take taps and statuses of WhatsApp messages',
    tag: 'Channels',
    access: 'meta',
    answers: { 200: null },
    refusals: ['signature_wrong', 'input_invalid'],
  },

  'GET /livez': {
    summary: 'Ask whether the process lives',
    tag: 'Server',
    access: 'anyone',
    answers: { 200: 'Health' },
  },
  'GET /readyz': {
    summary: 'Ask whether it can do its work',
    tag: 'Server',
    access: 'anyone',
    answers: { 200: 'Health' },
  },
  'GET /openapi.json': {
    summary: 'Read this document',
    tag: 'Server',
    access: 'anyone',
    answers: { 200: 'application/json' },
  },
  'GET /llms.txt': {
    summary: 'List the documents, for programs that read',
    tag: 'Server',
    access: 'anyone',
    answers: { 200: 'text/plain' },
  },
  'GET /llms-full.txt': {
    summary: 'Read all documents in one text',
    tag: 'Server',
    access: 'anyone',
    answers: { 200: 'text/plain' },
  },
}
