import type { Static, TSchema } from 'typebox'
import type * as contract from '#api/contract.ts'
import { Type } from '#base/schema.ts'
import type { Evidence as EvidenceFile } from '#requests/evidence.ts'

/** What answers hold. Where `src/api/contract.ts` has the type, the compiler sees to it that both say the same. */

type Proof<T, S extends TSchema> = [T, Static<S>] extends [Static<S>, T] ? [] : [differs: never]
/** A schema that mirrors a type. */
const of =
  <T>() =>
  <S extends TSchema>(schema: S, ..._proof: Proof<T, S>): S =>
    schema

const oneOf = <const T extends string>(...words: T[]) => Type.Enum(words as [T, ...T[]])
const OrNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
const Text = (description: string) => Type.String({ description })
const Time = (description: string) => Type.Integer({ description: `${description}, epoch milliseconds, UTC` })
const Whatever = Type.Record(Type.String(), Type.Unknown())

const RequestStatus = of<contract.RequestStatus>()(
  oneOf('pending', 'approved', 'rejected', 'expired', 'withdrawn'),
)
const DeliveryState = oneOf('queued', 'delivered', 'undeliverable')
const AttemptState = oneOf('started', 'succeeded', 'failed', 'unknown')
const TokenState = oneOf('active', 'revoked', 'expired')
const App = Type.Object({ id: Type.String(), name: Type.String() })

const Problem = Type.Object(
  {
    type: Text('Always `about:blank`: the code says which problem it is'),
    title: Text('Name of the HTTP status'),
    status: Type.Integer({ description: 'HTTP status' }),
    code: Text('Stable across releases; decide by this'),
    detail: Text('A sentence for people, which may change'),
    state: Type.Optional(RequestStatus),
    left: Type.Optional(Type.Integer({ description: 'With `match_code_wrong`: how many tries are left' })),
    request_id: Type.Optional(Text('Finds the line in the log of the operator')),
    retry_after: Type.Optional(Type.Integer({ description: 'Seconds until the next try may help' })),
  },
  { description: 'RFC 9457 problem details.' },
)

const UpstoxError = Type.Object(
  {
    status: Type.Literal('error'),
    errors: Type.Array(
      Type.Object({
        errorCode: Text('Code, for instance `UDAPI1123`'),
        message: Text('A sentence for people'),
        propertyPath: Type.Null(),
        invalidValue: Type.Null(),
        error_code: Text('The same code, in the other spelling'),
        property_path: Type.Null(),
        invalid_value: Type.Null(),
      }),
    ),
  },
  { description: 'The error envelope of Upstox, with both spellings of each name.' },
)

const OAuthError = Type.Object(
  {
    error: Text('Code of RFC 6749 §5.2 or CIBA Core 1.0 §11, §13'),
    error_description: Text('A sentence for people'),
  },
  { description: 'An error as OAuth tells it.' },
)
const CibaAccepted = Type.Object({
  auth_req_id: Text('Fetches the tokens; as secret as one'),
  expires_in: Type.Integer({ description: 'Seconds' }),
  interval: Type.Optional(Type.Integer({ description: 'Seconds between two polls; not for push' })),
  match_code: Type.Optional(
    Text('Six digits for the client to show and its user to type, where it is registered so'),
  ),
})
const TokenAnswer = Type.Object({
  access_token: Text('A JWT of RFC 9068, or an opaque text, as the client is registered'),
  token_type: Type.Union([Type.Literal('Bearer'), Type.Literal('DPoP')]),
  expires_in: Type.Integer({ description: 'Seconds' }),
  id_token: Type.Optional(
    Text('Who approved, when and how (OpenID Connect Core 1.0 §2); not after a refresh'),
  ),
  refresh_token: Type.Optional(Text('Brings the next tokens, once; where `offline_access` was granted')),
  scope: Text('Words apart by spaces'),
  authorization_details: Type.Optional(
    Type.Array(Whatever, {
      description: 'What was granted in detail, where it was asked for so (RFC 9396 §7)',
    }),
  ),
})

const Health = Type.Object({ status: Type.Literal('ok') })

const UpstoxAccepted = Type.Object({
  status: Type.Literal('success'),
  data: Type.Object({
    authorization_expiry: Text('When the request ends, epoch milliseconds, as a string'),
    notifier_url: Text('Where the token will be sent'),
  }),
})
const UpstoxLoggedOut = Type.Object({ status: Type.Literal('success'), data: Type.Boolean() })
const UpstoxToken = Type.Object({
  email: Type.Null(),
  exchanges: Type.Array(Type.String()),
  products: Type.Array(Type.String()),
  broker: Type.String(),
  user_id: Type.String(),
  user_name: Type.String(),
  order_types: Type.Array(Type.String()),
  user_type: Type.String(),
  poa: Type.Boolean(),
  is_active: Type.Boolean(),
  access_token: Type.String(),
  extended_token: Type.Null(),
})

const TokenDelivery = Type.Object({
  client_id: Type.String(),
  user_id: Type.String(),
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_at: Text('Epoch milliseconds, as a string'),
  issued_at: Text('Epoch milliseconds, as a string'),
  message_type: oneOf('access_token', 'test'),
})
const NotifierCheck = Type.Object({
  client_id: Type.String(),
  message_type: Type.Literal('check'),
  challenge: Type.String(),
})

const AskStatus = Type.Object(
  {
    id: Type.String(),
    status: RequestStatus,
    test: Type.Boolean({
      description: 'Asked by an app in test mode: nobody was told, and the answer is simulated',
    }),
    requested_at: Time('When it was asked'),
    expires_at: Time('When it ends by itself'),
    settled_at: OrNull(Time('When it was decided or ended')),
    delivery: OrNull(
      Type.Object({
        id: Text('The `webhook-id` of the POST'),
        status: DeliveryState,
        settled_at: OrNull(Time('When it was taken or given up')),
        attempts: Type.Array(
          Type.Object({
            number: Type.Integer(),
            status: AttemptState,
            started_at: Time('Begin'),
            ended_at: OrNull(Time('End')),
            http_status: OrNull(Type.Integer({ description: 'Status that the endpoint answered' })),
            failure: OrNull(Text('Kind of fault, for instance `timeout`')),
          }),
        ),
      }),
    ),
    telling: Type.Enum(['queued', 'sent', 'shown', 'throttled', 'undeliverable'], {
      description: 'How far the user was told, and no more of them than that',
    }),
    timeline: Type.Array(Type.Object({ event: Type.String(), at: Time('When') })),
  },
  { description: 'What became of a request, for the client that asked.' },
)

const requestCard = {
  id: Type.String(),
  status: RequestStatus,
  client: App,
  reason: OrNull(Text('Why it was asked, in the words of the app')),
  requested_at: Time('When it was asked'),
  expires_at: Time('When it ends by itself'),
  settled_at: OrNull(Time('When it was decided or ended')),
}
const RequestCard = of<contract.RequestCard>()(Type.Object(requestCard))
const RequestPage = of<contract.RequestPage>()(
  Type.Object({ requests: Type.Array(RequestCard), next: OrNull(Text('Cursor of the next page')) }),
)
const RequestDetail = of<contract.RequestDetail>()(
  Type.Object({
    ...requestCard,
    from: OrNull(Text('Network address the request came from')),
    notifier_url: OrNull(Text('Where the token goes')),
    token_expires_at: Time('When the token ends, or would end'),
    approvals_before: Type.Integer(),
    last_approved_at: OrNull(Time('Last approval for this app')),
    token: OrNull(
      Type.Object({ id: Type.String(), state: TokenState, expires_at: Time('When all of it ends') }),
    ),
    delivery: OrNull(
      Type.Object({
        state: DeliveryState,
        attempts: Type.Integer(),
        delivered_at: OrNull(Time('When it was taken')),
      }),
    ),
    redirect_to: OrNull(Text('Where the browser goes after a decision')),
    timeline: Type.Array(
      Type.Object({ kind: Type.String(), at: Time('When'), detail: OrNull(Type.String()) }),
    ),
  }),
)
const Review = of<contract.Review>()(
  Type.Object({
    approval: Text('Canonical JSON (RFC 8785) of what is shown and signed'),
    nonce: Text('32 bytes, base64url'),
    options: Whatever,
  }),
)
const Decided = Type.Object({ status: RequestStatus, redirect_to: OrNull(Type.String()) })
const Evidence = of<EvidenceFile>()(
  Type.Object(
    {
      v: Type.Literal(1),
      approval: Text('The text that was shown, to the byte'),
      nonce: Text('32 bytes, base64url'),
      origin: Type.String(),
      rp_id: Type.String(),
      decided_at: Time('Of the server, not signed'),
      passkey: Type.Object({
        id: Type.String(),
        public_key: Text('COSE key, base64url'),
        registered_at: Time('When it was added'),
      }),
      assertion: Type.Object({
        authenticator_data: Type.String(),
        client_data_json: Type.String(),
        signature: Type.String(),
        user_handle: OrNull(Type.String()),
      }),
    },
    { description: 'What `countersign evidence verify` takes.' },
  ),
)

const Options = Type.Object({ options: Whatever })
const EnrolmentOptions = of<contract.EnrolmentOptions>()(
  Type.Object({
    options: Whatever,
    user: Type.Object({ handle: Type.String(), name: OrNull(Type.String()) }),
  }),
)
const SignedIn = Type.Object({ user_id: Type.String() })
const Role = of<contract.Role>()(oneOf('owner', 'operator', 'auditor'))
const Me = of<contract.Me>()(
  Type.Object({
    user_id: Type.String(),
    handle: Type.String(),
    name: OrNull(Type.String()),
    role: Role,
    session_id: Type.String(),
    by_passkey: Type.Boolean({ description: 'Whether a passkey vouches for this session' }),
    new_link: OrNull(Type.Object({ works_at: Time('When the link begins to replace the passkeys') })),
    channels: Type.Array(Type.String()),
  }),
)
const PasskeyCard = of<contract.PasskeyCard>()(
  Type.Object({
    id: Type.String(),
    label: Type.String(),
    created_at: Time('When it was added'),
    last_used_at: OrNull(Time('Last use')),
    synced: Type.Boolean({ description: 'Also works on the other devices of the user' }),
  }),
)
const UserCodeCard = of<contract.UserCodeCard>()(
  Type.Object({
    in_use: Type.Boolean({ description: 'Whether this server has apps send one' }),
    set_at: OrNull(Time('When it was set')),
  }),
)
const RecoveryCodesCard = of<contract.RecoveryCodesCard>()(
  Type.Object({
    left: Type.Integer({ description: 'How many still work' }),
    made_at: OrNull(Time('When they were made')),
  }),
)
const NewRecoveryCodes = of<contract.NewRecoveryCodes>()(
  Type.Object({ codes: Type.Array(Type.String(), { description: 'Shown this once' }) }),
)
const SessionCard = of<contract.SessionCard>()(
  Type.Object({
    id: Type.String(),
    current: Type.Boolean(),
    user_agent: OrNull(Type.String()),
    address: OrNull(Type.String()),
    created_at: Time('Sign-in'),
    last_seen_at: Time('Last use'),
  }),
)
const ContactCard = of<contract.ContactCard>()(
  Type.Object({
    id: Type.String(),
    channel: Text('`webpush`, `whatsapp`, …'),
    address: OrNull(Text('A phone number; null where the address says nothing to people')),
    label: OrNull(Text('`user-agent` of a browser')),
    state: oneOf('active', 'suspended', 'unreachable', 'removed'),
    created_at: Time('When it was added'),
  }),
)
const NoticeSettingsCard = of<contract.NoticeSettingsCard>()(
  Type.Object({
    channels: Type.Array(Type.String(), { description: 'In the order of telling' }),
    next_after_seconds: Type.Integer({
      description: 'How long one channel has before the next one tells as well',
    }),
    quiet: OrNull(
      Type.Object({
        from: Text('`HH:MM`'),
        to: Text('`HH:MM`'),
        zone: Text('A time zone such as `Asia/Kolkata`'),
      }),
    ),
    muted_until: OrNull(Time('Nothing rings before')),
    language: OrNull(Text('Of messages: `en`, `hi`; null: that of each device')),
  }),
)
const BlockedApp = of<contract.BlockedApp>()(Type.Object({ client: App, blocked_at: Time('Since when') }))
const TokenCard = of<contract.TokenCard>()(
  Type.Object({
    id: Type.String(),
    client: App,
    request_id: Type.String(),
    state: TokenState,
    issued_at: Time('When it was issued'),
    expires_at: Time('When it ends; of what can be renewed, when that ends'),
    revoked_at: OrNull(Time('When it was revoked')),
    is_renewable: Type.Boolean({ description: 'Whether the app can renew it without asking again' }),
    renewed_at: OrNull(Time('When it last did so')),
    delivery: OrNull(Type.Object({ state: DeliveryState })),
  }),
)

const NotifierCard = of<contract.NotifierCard>()(
  Type.Object({
    state: oneOf('unproven', 'proven', 'gone'),
    note: OrNull(Text('What was wrong at the last check')),
    checked_at: Time('Last check'),
  }),
)
const CertificateCard = Type.Object({
  subject: Type.String(),
  fingerprint: Text('SHA-256, in pairs of hex digits'),
  expires_at: Time('When it ends'),
})
const TlsCard = of<contract.TlsCard>()(
  Type.Object({
    certificate: OrNull(CertificateCard),
    authorities: Type.Array(CertificateCard, { description: 'Empty where public authorities are trusted' }),
    ends_at: Time('When it no longer works as it stands'),
  }),
)
const InitiatorCard = of<contract.InitiatorCard>()(
  Type.Object(
    {
      backchannel_token_delivery_mode: oneOf('poll', 'ping', 'push'),
      backchannel_client_notification_endpoint: OrNull(Text('Where pings or pushes go')),
      token_endpoint_auth_method: Text('How it authenticates'),
      jwks: OrNull(Type.Object({ keys: Type.Array(Whatever) }, { description: 'Its public keys' })),
      jwks_uri: OrNull(Text('Where its public keys lie')),
      backchannel_authentication_request_signing_alg: OrNull(Text('By what it signs its requests')),
      tls_client_auth_subject_dn: Type.Optional(Text('By what its certificate is known (RFC 8705 §2.1.2)')),
      tls_client_auth_san_dns: Type.Optional(Type.String()),
      tls_client_auth_san_uri: Type.Optional(Type.String()),
      tls_client_auth_san_ip: Type.Optional(Type.String()),
      tls_client_auth_san_email: Type.Optional(Type.String()),
      tls_client_certificate_bound_access_tokens: Type.Boolean(),
      dpop_bound_access_tokens: Type.Boolean(),
      access_token_format: oneOf('jwt', 'opaque'),
      scope: Text('All it may ever ask for, words apart by spaces'),
      authorization_details_types: Type.Array(Type.String(), {
        description: 'What it may ask for in detail (RFC 9396 §10)',
      }),
      require_match_code: Type.Boolean({ description: 'Its users type a code that it shows them' }),
      backchannel_user_code_parameter: Type.Boolean({
        description: 'It sends the secret code that a user has set',
      }),
      profile: oneOf('core', 'fapi'),
    },
    { description: 'Names of CIBA Core 1.0 §4 and RFC 7591 §2.' },
  ),
)
const AppCard = of<contract.AppCard>()(
  Type.Object({
    client_id: Type.String(),
    kind: oneOf('individual', 'initiator'),
    name: Type.String(),
    state: oneOf('under_review', 'active', 'rejected', 'expired', 'disabled'),
    review: OrNull(
      Type.Object({ note: OrNull(Text('Why it was turned down')), reviewed_at: Time('The operator’s word') }),
    ),
    deletes_at: OrNull(Time('When it is deleted for good; until then it can be taken back')),
    notifier_changed_at: OrNull(Time('The last time that results began to go elsewhere')),
    icon: OrNull(Text('Address of its picture')),
    purpose: OrNull(Type.String()),
    redirect_url: OrNull(Type.String()),
    postback_url: OrNull(Type.String()),
    notifier_url: OrNull(Type.String()),
    notifier: OrNull(NotifierCard),
    encryption_key: OrNull(Type.Object({ kid: Type.String(), alg: Type.String() })),
    tls: OrNull(TlsCard),
    ciba: OrNull(InitiatorCard),
    mode: oneOf('live', 'test'),
    simulate: OrNull(oneOf('approve', 'reject', 'expire', 'ignore', 'block', 'notifier_fails')),
    token_life: OrNull(
      Type.Integer({ description: 'Seconds from the ask; null for the rule of the server' }),
    ),
    created_at: Time('When it was made'),
    secrets: Type.Array(
      Type.Object({
        id: Type.String(),
        prefix: Text('First characters of the secret'),
        created_at: Time('When it was made'),
        last_used_at: OrNull(Time('Last use, within half a minute')),
      }),
    ),
  }),
)
const NewAppSecrets = of<contract.NewAppSecrets>()(
  Type.Object(
    {
      client_id: Type.String(),
      client_secret: Type.Optional(
        Text('Not for an app that authenticates by a key or a certificate of its own'),
      ),
      signing_secret: Type.Optional(Text('`whsec_…`, verifies deliveries (Standard Webhooks)')),
    },
    { description: 'Shown this once.' },
  ),
)
const DeliveryCard = of<contract.DeliveryCard>()(
  Type.Object({
    id: Type.String(),
    request_id: Type.String(),
    state: DeliveryState,
    url: Type.String(),
    attempts: Type.Integer(),
    created_at: Time('When it became due'),
    settled_at: OrNull(Time('When it was taken or given up')),
    expires_at: Time('When the token ends'),
  }),
)
const Headers = Type.Record(Type.String(), Type.String())
const AppRequestCard = of<contract.AppRequestCard>()(
  Type.Object({
    id: Type.String(),
    status: RequestStatus,
    requested_at: Time('When it was asked'),
    expires_at: Time('When it ends by itself'),
    settled_at: OrNull(Time('When it was decided, or ended')),
  }),
)
const AppRequestDetail = of<contract.AppRequestDetail>()(
  Type.Object({
    ...AppRequestCard.properties,
    token_expires_at: Time('When the access ends, or would'),
    delivery: OrNull(
      Type.Object({ id: Type.String(), state: oneOf('queued', 'delivered', 'undeliverable') }),
    ),
    timeline: Type.Array(
      Type.Object({
        kind: Type.String(),
        at: Time('When'),
        channel: OrNull(Text('By what its user was told')),
        detail: OrNull(Text('What came of it at the endpoint of the app')),
      }),
    ),
  }),
)
const AppDay = of<contract.AppDay>()(
  Type.Object({
    day: Text('`YYYY-MM-DD`, UTC'),
    asked: Type.Integer(),
    approved: Type.Integer(),
    rejected: Type.Integer(),
    expired: Type.Integer(),
    withdrawn: Type.Integer(),
    delivered: Type.Integer(),
    undeliverable: Type.Integer(),
    failed_attempts: Type.Integer(),
  }),
)
const AppEvent = of<contract.AppEvent>()(
  Type.Object({
    kind: Type.String(),
    at: Time('When'),
    actor: Type.String(),
    detail: OrNull(Type.String()),
  }),
)
const UrlVerdict = of<contract.UrlVerdict>()(
  Type.Object({ ok: Type.Boolean(), detail: OrNull(Text('What is wrong, in a sentence')) }),
)
const SigningSecretCard = of<contract.SigningSecretCard>()(
  Type.Object({
    id: Type.String(),
    scheme: oneOf('v1', 'v1a'),
    shown: Text('First characters of a shared secret, or the whole public key'),
    created_at: Time('When it was made'),
    expires_at: OrNull(Time('When it signs no more')),
  }),
)
const AttemptCard = of<contract.AttemptCard>()(
  Type.Object({
    number: Type.Integer(),
    state: AttemptState,
    started_at: Time('Begin'),
    ended_at: OrNull(Time('End')),
    status: OrNull(Type.Integer({ description: 'HTTP status of the answer' })),
    failure: OrNull(Text('Kind of fault')),
    detail: OrNull(Text('The same in a sentence')),
    sent: OrNull(
      Type.Object(
        { headers: Headers, body: Type.String() },
        { description: 'As sent, with words in the place of the token' },
      ),
    ),
    response_headers: OrNull(Headers),
    response: OrNull(Text('The first 4 KiB of the answer, the token taken out')),
  }),
)
const TrialCard = of<contract.TrialCard>()(
  Type.Object({
    status: OrNull(Type.Integer()),
    ms: Type.Integer({ description: 'Milliseconds from the call to the end of the answer' }),
    failure: OrNull(Type.String()),
    detail: OrNull(Text('What was wrong, in a sentence')),
    response: OrNull(Type.String()),
  }),
)
const SigningSecret = Type.Object(
  {
    signing_secret: Type.Optional(Text('`whsec_…`, with scheme `v1`')),
    public_key: Type.Optional(Text('`whpk_…`, with scheme `v1a`')),
  },
  { description: 'Shown this once.' },
)

const ScopeCard = of<contract.ScopeCard>()(
  Type.Object({
    scope: Type.String(),
    texts: Type.Record(Type.String(), Type.String(), {
      description: 'A plain sentence by language; empty where the operator gave none',
    }),
    dangerous: Type.Boolean({ description: 'Whoever has it can do harm that is hard to undo' }),
  }),
)
const LinkOfferCard = of<contract.LinkOfferCard>()(
  Type.Object({
    client: App,
    icon: OrNull(Text('Address of its picture')),
    purpose: OrNull(Type.String()),
    developer: OrNull(Type.Object({ name: OrNull(Type.String()) })),
    reviewed_at: OrNull(Time('When the operator accepted it')),
    scopes: Type.Array(ScopeCard),
    token_life: Type.Integer({ description: 'Seconds that each access lasts at most' }),
    known: OrNull(Type.Object({ linked_at: Time('When it was linked'), scopes: Type.Array(Type.String()) })),
    told_handle: OrNull(Text('Handle of the user, where linking tells it to the app')),
    blocked_at: OrNull(Time('When the user reported it')),
    shown: Text('Stands for all of it; who agrees sends it back'),
  }),
)
const LinkDone = of<contract.LinkDone>()(
  Type.Object({
    link_id: Text('By what the app knows this user from now on'),
    client: App,
    redirect_to: OrNull(Text('Where the browser goes, if the app had sent it')),
  }),
)
const LinkCard = of<contract.LinkCard>()(
  Type.Object({
    client: App,
    icon: OrNull(Text('Address of its picture')),
    linked_at: Time('When it was linked'),
    scopes: Type.Array(ScopeCard),
    last_asked_at: OrNull(Time('When it last asked')),
    last_approved_at: OrNull(Time('When it last had a yes')),
  }),
)
const LinkId = Text('By what the app knows this user; a `login_hint`')
const AdminLinkCard = of<contract.AdminLinkCard>()(
  Type.Object({
    link_id: LinkId,
    user_id: Type.String(),
    client_id: Type.String(),
    client_name: Type.String(),
    scope: Text('Words apart by spaces'),
    linked_at: Time('When it was linked'),
  }),
)
const ClientLinkCard = of<contract.ClientLinkCard>()(
  Type.Object({
    link_id: LinkId,
    scope: Text('Words apart by spaces'),
    linked_at: Time('When it was linked'),
  }),
)
const LinkCodeCard = of<contract.LinkCodeCard>()(
  Type.Object({
    id: Text('Tells what became of it'),
    code: Text('Eight characters, for the user to type; given this once'),
    url: Text('Opens the page with the code in it'),
    qr_svg: Text('The same address as a picture: the text of an SVG'),
    expires_at: Time('When it ends'),
  }),
)
const LinkCodeStatus = of<contract.LinkCodeStatus>()(
  Type.Object({
    id: Type.String(),
    status: oneOf('open', 'linked', 'declined', 'expired'),
    link_id: OrNull(LinkId),
    scope: OrNull(Text('What the user agreed to, words apart by spaces')),
    expires_at: Time('When it ends'),
  }),
)

const FeedbackCard = of<contract.FeedbackCard>()(
  Type.Object({
    id: Type.String(),
    user: OrNull(Type.Object({ user_id: Type.String(), handle: Type.String() })),
    page: Text('Path of the page it was written on'),
    text: Type.String(),
    contact: OrNull(Text('Where an answer may go')),
    created_at: Time('When it was written'),
    forwards: Type.Array(
      Type.Object({
        way: oneOf('webhook', 'mail'),
        state: oneOf('queued', 'sent', 'failed'),
        note: OrNull(Text('What was wrong at the last try')),
        at: Time('Last change'),
      }),
    ),
  }),
)

const AuditCheckpoint = of<contract.AuditCheckpoint>()(
  Type.Object({
    size: Type.Integer({ description: 'Entries that it is over' }),
    sealed_at: Time('When it was sealed'),
    checkpoint: Text('The signed note: name of the log, size, root, time, signature'),
    nodes: Text('Hashes by which it follows from the one before, in base64'),
  }),
)

const NewUser = Type.Object({
  user_id: Type.String(),
  enrolment_url: Text('One-time link by which the user makes the first passkey'),
})

const UserState = oneOf('active', 'disabled')
const adminUserCard = {
  id: Type.String(),
  handle: Type.String(),
  name: OrNull(Type.String()),
  state: UserState,
  role: Role,
  passkeys: Type.Integer({ description: 'How many; none: invited, and has not come yet' }),
  created_at: Time('When it was added'),
  last_seen_at: OrNull(Time('Last use of a session that still stands')),
}
const AdminUserCard = of<contract.AdminUserCard>()(Type.Object(adminUserCard))
const AdminUserDetail = of<contract.AdminUserDetail>()(
  Type.Object({
    ...adminUserCard,
    contacts: Type.Array(ContactCard),
    link: OrNull(
      Type.Object({
        created_at: Time('When it was made'),
        works_at: Time('When it begins to work'),
        expires_at: Time('When it ends'),
      }),
    ),
  }),
)
const EnrolmentLink = of<contract.EnrolmentLink>()(
  Type.Object({
    enrolment_url: Text('One-time link, shown this once'),
    works_at: Time('When it begins to work'),
    expires_at: Time('When it ends'),
    told: Type.Integer({ description: 'On how many contacts its user is told of it' }),
  }),
)
const AdminClientCard = of<contract.AdminClientCard>()(
  Type.Object({
    id: Type.String(),
    kind: oneOf('individual', 'initiator'),
    name: Type.String(),
    state: oneOf('under_review', 'active', 'rejected', 'expired', 'disabled'),
    purpose: OrNull(Type.String()),
    owner: OrNull(Type.Object({ id: Type.String(), handle: Type.String(), name: OrNull(Type.String()) })),
    notifier_url: OrNull(Type.String()),
    redirect_url: OrNull(Type.String()),
    review_note: OrNull(Text('Why it was turned down')),
    deletes_at: OrNull(Time('When it is deleted for good')),
    created_at: Time('When it was registered'),
    last_used_at: OrNull(Time('When one of its secrets was last used')),
    ciba: OrNull(InitiatorCard),
  }),
)
const Failures = Type.Array(
  Type.Object({ kind: Type.String(), count: Type.Integer(), last_at: Time('The last one') }),
)
const ServerHealth = of<contract.ServerHealth>()(
  Type.Object({
    now: Time('By the clock of the server'),
    reviews_waiting: Type.Integer(),
    channels: Type.Array(
      Type.Object({
        name: Type.String(),
        on: Type.Boolean(),
        sent: Type.Integer({ description: 'Taken in the last 24 hours' }),
        last_sent_at: OrNull(Time('The last one that was taken')),
        failures: Failures,
      }),
    ),
    queues: Type.Array(
      Type.Object({
        kind: Type.String(),
        queued: Type.Integer({ description: 'All, also those whose time has not come' }),
        due: Type.Integer({ description: 'Due and taken by nobody' }),
        leased: Type.Integer({ description: 'Taken by a worker' }),
        oldest_due_at: OrNull(Time('Since when the oldest is due')),
        oldest_leased_at: OrNull(Time('Since when the oldest is taken')),
      }),
    ),
    nodes: Type.Array(
      Type.Object({
        id: Type.String(),
        host: Type.String(),
        version: Type.String(),
        engine: Type.String(),
        runtime: Type.String(),
        started_at: Time('Its start'),
        seen_at: Time('Its last word'),
        alive: Type.Boolean(),
      }),
    ),
  }),
)
const SettingCard = of<contract.SettingCard>()(
  Type.Object({
    name: Type.String(),
    about: Type.String(),
    value: OrNull(Text('Null for a secret, or where nothing is set')),
    secret: Type.Boolean(),
    source: oneOf('environment', 'secret_file', 'settings_file', 'default', 'unset'),
  }),
)
const EventCard = of<contract.EventCard>()(
  Type.Object({
    seq: Type.Integer(),
    at: Time('When'),
    kind: Type.String(),
    actor: Text('`user`, `client`, `operator`, `system`, or a channel'),
    actor_id: OrNull(Text('Which operator: the id of a user, `admin_key` or `command_line`')),
    user_id: OrNull(Type.String()),
    client_id: OrNull(Type.String()),
    request_id: OrNull(Type.String()),
    detail: OrNull(Type.String()),
    address: OrNull(Type.String()),
  }),
)

const List = <S extends TSchema>(name: string, schema: S) => Type.Object({ [name]: Type.Array(schema) })
const Page = <S extends TSchema>(name: string, schema: S) =>
  Type.Object({ [name]: Type.Array(schema), next: OrNull(Text('Cursor of the next page, null on the last')) })

/** Every shape that has a name in the document. */
export const shapes = {
  Problem,
  UpstoxError,
  OAuthError,
  CibaAccepted,
  TokenAnswer,
  Health,
  UpstoxAccepted,
  UpstoxLoggedOut,
  UpstoxToken,
  TokenDelivery,
  NotifierCheck,
  AskStatus,
  RequestCard,
  RequestPage,
  RequestDetail,
  Review,
  Decided,
  Evidence,
  Options,
  EnrolmentOptions,
  SignedIn,
  Me,
  PasskeyCard,
  Passkeys: List('passkeys', PasskeyCard),
  RecoveryCodesCard,
  UserCodeCard,
  NewRecoveryCodes,
  SessionCard,
  Sessions: List('sessions', SessionCard),
  ContactCard,
  Contacts: List('contacts', ContactCard),
  NoticeSettingsCard,
  BlockedApps: List('apps', BlockedApp),
  TokenCard,
  Tokens: List('tokens', TokenCard),
  AppCard,
  InitiatorCard,
  Apps: List('apps', AppCard),
  NotifierCard,
  TlsCard,
  NewAppSecrets,
  DeliveryCard,
  Deliveries: Page('deliveries', DeliveryCard),
  AttemptCard,
  Attempts: Type.Object({
    attempts: Type.Array(AttemptCard),
    next_attempt_at: OrNull(Time('When it is tried again')),
  }),
  AppRequests: Page('requests', AppRequestCard),
  AppRequestDetail,
  AppDays: List('days', AppDay),
  AppHistory: List('events', AppEvent),
  UrlVerdict,
  SigningSecrets: List('secrets', SigningSecretCard),
  TrialCard,
  SigningSecret,
  NewUser,
  ScopeCard,
  LinkOfferCard,
  LinkDone,
  LinkCard,
  Links: List('links', LinkCard),
  AdminLinkCard,
  AdminLinks: List('links', AdminLinkCard),
  AdminLinkPage: Page('links', AdminLinkCard),
  ClientLinkCard,
  LinkCodeCard,
  LinkCodeStatus,
  RedirectTo: Type.Object({ redirect_to: OrNull(Text('Where the browser goes, if the app had sent it')) }),
  FeedbackCard,
  Feedback: Page('feedback', FeedbackCard),
  SignInWays: of<contract.SignInWays>()(
    Type.Object({ provider: OrNull(Text('Host of the sign-in provider of the operator')) }),
  ),
  AdminUserCard,
  AdminUsers: Page('users', AdminUserCard),
  AdminUserDetail,
  EnrolmentLink,
  AdminClientCard,
  AdminClients: Page('clients', AdminClientCard),
  ServerHealth,
  SettingCard,
  Settings: List('settings', SettingCard),
  EventCard,
  Events: Page('events', EventCard),
  AuditCheckpoints: Type.Object({
    key: Text('The key that signs, as signed notes write it'),
    checkpoints: Type.Array(AuditCheckpoint),
    next: OrNull(Type.Integer({ description: '`after` of the next page, null on the last' })),
  }),
  Whatsapp: Type.Object({ is_on: Type.Boolean() }),
  WhatsappLink: Type.Object({
    url: Text('Opens WhatsApp with the words ready to send'),
    text: Text('The words, with a code that can be used once'),
    number: Text('Whom to send them to'),
    expires_at: Time('When the code ends'),
  }),
  PushKey: Type.Object({ public_key: Text('VAPID (RFC 8292), base64url') }),
  PushContact: Type.Object({ id: Type.String(), is_new: Type.Boolean() }),
  Opened: Type.Object({ request_id: Type.String() }),
  Made: Type.Object({ id: Type.String() }),
  Queued: Type.Object({ status: Type.Literal('queued') }),
  ConfirmOptions: Type.Object({
    options: OrNull(Type.Object({}, { description: '`PublicKeyCredentialRequestOptionsJSON`' })),
  }),
  DeletesAt: Type.Object({ deletes_at: Time('When it is deleted for good') }),
  Count: Type.Object({ count: Type.Integer() }),
} as const satisfies Record<string, TSchema>

export type ShapeName = keyof typeof shapes
