import { always, setting } from './setting.ts'
import {
  adminKey,
  audiences,
  cibaProfile,
  count,
  daily,
  detailTypes,
  duration,
  durationOrNone,
  flag,
  hintIssuers,
  linkHandles,
  listenRule,
  proofRule,
  renewalLife,
  scopeCatalogue,
  webhookSecret,
  webUrl,
  windows,
} from './values.ts'

/** How clients ask, and what they get. */
export const asking = {
  dailyExpiry: always({
    env: 'UPSTOX_EXPIRY',
    parse: daily,
    fallback: 'daily 03:30 Asia/Kolkata',
    about: 'When requests of the Upstox protocol, and their tokens, end: the next such time.',
    example: 'daily 06:00 Europe/London',
  }),
  rateLimit: always({
    env: 'UPSTOX_RATE_LIMIT',
    parse: windows,
    fallback: '50/1s, 500/1m, 2000/30m',
    about: 'Calls of one client of the Upstox protocol in each span of time.',
    example: '10/1s, 100/1m',
  }),
  cibaLife: always({
    env: 'CIBA_LIFE',
    parse: duration,
    fallback: '5m',
    about: 'How long a user has to decide on a request by CIBA, if the client does not ask for another time.',
    example: '2m',
  }),
  cibaLongestLife: always({
    env: 'CIBA_LONGEST_LIFE',
    parse: duration,
    fallback: '1h',
    about: 'Longest time that a client of CIBA may ask for (requested_expiry).',
    example: '3d',
  }),
  cibaTokenLife: always({
    env: 'CIBA_TOKEN_LIFE',
    parse: duration,
    fallback: '1h',
    about: 'How long an access token by CIBA is good, from when it is fetched.',
    example: '10m',
  }),
  cibaRefreshLife: always({
    env: 'CIBA_REFRESH_LIFE',
    parse: renewalLife,
    fallback: '30d',
    about:
      'How long access by CIBA can be renewed by refresh tokens, for clients that ask for offline_access; users are shown its end. 0s gives none.',
    example: '12h',
  }),
  introspectionKey: setting({
    env: 'INTROSPECTION_KEY',
    parse: adminKey,
    about:
      'Bearer key by which the service that takes tokens asks about any of them (POST /introspect), at least 32 characters. Clients ask about their own by what they authenticate with.',
    example: 'in COUNTERSIGN_INTROSPECTION_KEY_FILE: /run/secrets/introspection-key',
    isSecret: true,
  }),
  dpopNonce: always({
    env: 'DPOP_NONCE',
    parse: flag,
    fallback: '0',
    about:
      'Whether each DPoP proof must hold a nonce of this server, which costs a client one more call now and then. 0 asks for one only where the clock of the client is not ours.',
    example: '1',
  }),
  cibaInterval: always({
    env: 'CIBA_INTERVAL',
    parse: duration,
    fallback: '1s',
    about: 'How long a client of CIBA waits between two polls.',
    example: '5s',
  }),
  cibaProfile: always({
    env: 'CIBA_PROFILE',
    parse: cibaProfile,
    fallback: 'core',
    about:
      'Which rules all clients of CIBA keep: core, where one may still be registered for fapi, or fapi (no push, no shared secret, requests signed by PS256 or ES256, a binding_message, tokens bound to the client).',
    example: 'fapi',
  }),
  cibaUserCode: always({
    env: 'CIBA_USER_CODE',
    parse: flag,
    fallback: '0',
    about:
      'Whether users may set a secret code, and clients of CIBA that are registered so (backchannel_user_code_parameter) must send it with each request.',
    example: '1',
  }),
  cibaHold: always({
    env: 'CIBA_HOLD',
    parse: durationOrNone,
    fallback: '25s',
    about:
      'How long a poll of CIBA is held while the user decides. Proxies in front must wait longer; 0s answers at once.',
    example: '0s',
  }),
  cibaMostOpen: always({
    env: 'CIBA_MOST_OPEN',
    parse: count,
    fallback: '5',
    about: 'Requests by CIBA of one client to one user that may wait at a time.',
    example: '1',
  }),
  cibaRateLimit: always({
    env: 'CIBA_RATE_LIMIT',
    parse: windows,
    fallback: '50/1s, 500/1m',
    about: 'Requests by CIBA of one client in each span of time.',
    example: '10/1s, 100/1m',
  }),
  scopes: always({
    env: 'SCOPES',
    parse: scopeCatalogue,
    fallback: '{}',
    about:
      'Scopes in words, as users read them: JSON, or the path of a file of it. By scope a sentence, or one by language; "dangerous" marks those that can do harm.',
    example: '{"orders": {"en": "Place and cancel orders", "dangerous": true}}',
  }),
  detailTypes: always({
    env: 'AUTHORIZATION_DETAILS',
    parse: detailTypes,
    fallback: '{}',
    about:
      'Types of authorization_details that clients of CIBA may ask for, in words: JSON, or the path of a file of it. By type its sentence by language, "dangerous", and its "fields". See docs/ciba.md.',
    example:
      '{"payment": {"en": "Make one payment", "dangerous": true, "fields": {"amount": {"en": "Amount", "required": true}}}}',
  }),
  hintIssuers: always({
    env: 'HINT_ISSUERS',
    parse: hintIssuers,
    fallback: '{}',
    about:
      'Whom to believe in a login_hint_token of CIBA: JSON, or the path of a file of it. By issuer (iss) its "jwks_uri", or its "jwks".',
    example: '{"https://login.example.com": {"jwks_uri": "https://login.example.com/jwks"}}',
  }),
  linkHandles: always({
    env: 'LINK_HANDLES',
    parse: linkHandles,
    fallback: 'accepted',
    about:
      'Handles of users towards apps that they have linked. accepted: an app that knows one may ask by it; told: linking tells it; hidden: apps ask by their link alone.',
    example: 'hidden',
  }),
  linkCodeLife: always({
    env: 'LINK_CODE_LIFE',
    parse: duration,
    fallback: '10m',
    about: 'How long a code is good by which a user links an app.',
    example: '5m',
  }),
  tokenAudience: setting({
    env: 'TOKEN_AUDIENCE',
    parse: audiences,
    about:
      'Audience (aud) of issued tokens: the service that takes them. The public origin if not given. Of several, with commas between, the first, unless a client of CIBA names others as its resource.',
    example: 'https://api.example.com',
  }),
  tokenSourceUrl: setting({
    env: 'TOKEN_SOURCE_URL',
    parse: webUrl,
    about:
      'Address of your own issuer: it is asked for each access token by a signed POST, and ours makes none. On an inner network, allow it by OUTBOUND_ALLOW.',
    example: 'https://tokens.example.com/issue',
  }),
  tokenSourceSecret: setting({
    env: 'TOKEN_SOURCE_SECRET',
    parse: webhookSecret,
    about: 'Signs those calls (Standard Webhooks): whsec_ and at least 24 bytes in base64.',
    example: 'in COUNTERSIGN_TOKEN_SOURCE_SECRET_FILE: /run/secrets/token-source',
    isSecret: true,
  }),
  tokenSourceTimeout: always({
    env: 'TOKEN_SOURCE_TIMEOUT',
    parse: duration,
    fallback: '5s',
    about: 'Longest wait for one answer of it. Each call is tried three times.',
    example: '2s',
  }),
  notifierProof: setting({
    env: 'NOTIFIER_PROOF',
    parse: proofRule,
    about:
      'What a Notifier Webhook Endpoint must show before it may receive tokens: reachable (a check message gets a 2xx), challenge (and sends back what was in it), or off. Reachable if not given; off in development.',
    example: 'challenge',
  }),
  listen: always({
    env: 'LISTEN',
    parse: listenRule,
    fallback: 'test',
    about:
      'Whose deliveries “countersign listen” may take by the client secret alone, in the place of the endpoint: off, test (apps in test mode), individual (also apps of one user) or any.',
    example: 'individual',
  }),
}
