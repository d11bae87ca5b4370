import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { WhatsappSettings } from '#channels/whatsapp/channel.ts'
import { parseAllowList } from '#outbound/policy.ts'
import type { ProviderSettings } from '#users/provider.ts'
import type { Role } from '#users/store.ts'
import {
  adminKey,
  appOrigins,
  cibaProfile,
  count,
  daily,
  databaseUrl,
  days,
  duration,
  durationOrNone,
  flag,
  issuerUrl,
  linkHandles,
  list,
  listenRule,
  mailAddress,
  masterKeys,
  origin,
  phone,
  port,
  proofRule,
  proxyUrl,
  pushSubject,
  scopeCatalogue,
  smtpUrl,
  text,
  webhookSecret,
  webUrl,
  windows,
} from './config-values.ts'

interface Setting<T> {
  /** Name of the variable, after `COUNTERSIGN_`. */
  env: string
  parse: (text: string) => T
  /** As it would be written; undefined where nothing set means off. */
  fallback?: string
  about: string
  example: string
  /** The value may also come from a file whose path stands in the variable of the same name with `_FILE`. */
  isSecret?: boolean
}

const setting = <T>(each: Setting<T>) => each
/** One that is always there, since it has a default. */
const always = <T>(each: Setting<T> & { fallback: string }) => ({ ...each, isAlways: true as const })

/** Every setting there is. The start-up help and docs/configuration.md are made from this table. */
const settings = {
  configFile: setting({
    env: 'CONFIG_FILE',
    parse: text,
    about:
      'A file of settings, a line each as they stand here (NAME=value). A variable of the environment goes before its line.',
    example: '/etc/countersign.env',
  }),
  port: always({
    env: 'PORT',
    parse: port,
    fallback: '8080',
    about: 'Port to listen on; 0 takes any free one.',
    example: '8080',
  }),
  host: always({
    env: 'HOST',
    parse: text,
    fallback: '127.0.0.1',
    about: 'Address to listen on. Other machines reach the server only if this is one of theirs to reach.',
    example: '0.0.0.0',
  }),
  url: setting({
    env: 'URL',
    parse: origin,
    about:
      'Public origin of the pages and of the API, as people type it. Passkeys are bound to its host name.',
    example: 'https://sign.example.com',
  }),
  data: always({
    env: 'DATA',
    parse: text,
    fallback: './data',
    about: 'Folder of the embedded store and of the keys.',
    example: '/var/lib/countersign',
  }),
  database: setting({
    env: 'DATABASE',
    parse: databaseUrl,
    about: 'Store in PostgreSQL instead of the embedded one. Several nodes may share it.',
    example: 'postgres://countersign:secret@db.example.com/countersign',
    isSecret: true,
  }),
  databasePool: always({
    env: 'DATABASE_POOL',
    parse: count,
    fallback: '10',
    about: 'Connections of this node to PostgreSQL.',
    example: '20',
  }),
  databaseListens: always({
    env: 'DATABASE_LISTEN',
    parse: flag,
    fallback: '1',
    about:
      'Whether to hear of work by LISTEN. 0 behind a pooler that lends connections by transaction; work is then found by a look each second.',
    example: '0',
  }),
  works: always({
    env: 'WORKER',
    parse: flag,
    fallback: '1',
    about:
      'Whether this node does promised work: deliveries, notices, expiry. 0 on a node that only answers calls, while others on the same PostgreSQL do the work.',
    example: '0',
  }),
  masterKey: setting({
    env: 'MASTER_KEY',
    parse: masterKeys,
    about:
      'Key that seals what is kept: 32 bytes in base64. Behind it, apart by a space, may stand older ones that still open. Without any of the three one is made under the data folder at the first start.',
    example: '$(head -c 32 /dev/urandom | base64)',
  }),
  masterKeyFile: setting({
    env: 'MASTER_KEY_FILE',
    parse: text,
    about: 'The same in a file. Running servers see within seconds when it changes.',
    example: '/run/secrets/master-key',
  }),
  masterKeyCommand: setting({
    env: 'MASTER_KEY_COMMAND',
    parse: text,
    about:
      'A command that prints the same, so that the key may lie in any store of keys. It runs without a shell, its words apart by spaces, for ten seconds at most.',
    example: 'vault kv get -field=key secret/countersign',
  }),
  adminKey: setting({
    env: 'ADMIN_KEY',
    parse: adminKey,
    about:
      'Bearer key of the operator API, at least 32 characters. Made and printed once at the first start if not given.',
    example: 'in COUNTERSIGN_ADMIN_KEY_FILE: /run/secrets/admin-key',
    isSecret: true,
  }),
  isDev: always({
    env: 'DEV',
    parse: flag,
    fallback: '0',
    about: 'Development alone: lets endpoints be http, on loopback or on private addresses.',
    example: '1',
  }),
  outboundAllow: always({
    env: 'OUTBOUND_ALLOW',
    parse: parseAllowList,
    fallback: '',
    about:
      'Networks and hosts that endpoints may be on beyond the public Internet; a host with a port may be called on that port.',
    example: '10.20.0.0/16, hooks.corp.example, *.svc.cluster.local, hooks.partner.example:8443',
  }),
  outboundProxy: setting({
    env: 'OUTBOUND_PROXY',
    parse: proxyUrl,
    about: 'HTTP proxy (CONNECT) that every call to an endpoint goes by; it then looks names up.',
    example: 'http://proxy:4750',
    isSecret: true,
  }),
  outboundProxyGuards: always({
    env: 'OUTBOUND_PROXY_GUARDS',
    parse: flag,
    fallback: '0',
    about: 'States that the proxy itself refuses private addresses. Without it no proxy may be set.',
    example: '1',
  }),
  operatorFresh: always({
    env: 'OPERATOR_FRESH',
    parse: duration,
    fallback: '10m',
    about: 'How long after a passkey an operator may change something without showing it again.',
    example: '5m',
  }),
  reenrolWait: always({
    env: 'REENROL_WAIT',
    parse: duration,
    fallback: '24h',
    about:
      'How long a new enrolment link waits for somebody who has a passkey. They are told at once, and can call it off.',
    example: '48h',
  }),
  oidcIssuer: setting({
    env: 'OIDC_ISSUER',
    parse: issuerUrl,
    about:
      'Issuer of your own OpenID provider. With it users may sign in there; approving still takes a passkey. See docs/sign-in.md.',
    example: 'https://login.example.com/realms/main',
  }),
  oidcClientId: setting({
    env: 'OIDC_CLIENT_ID',
    parse: text,
    about: 'Client id of this server at the provider.',
    example: 'countersign',
  }),
  oidcClientSecret: setting({
    env: 'OIDC_CLIENT_SECRET',
    parse: text,
    about: 'Client secret of this server at the provider.',
    example: 'in COUNTERSIGN_OIDC_CLIENT_SECRET_FILE: /run/secrets/oidc',
    isSecret: true,
  }),
  oidcScopes: always({
    env: 'OIDC_SCOPES',
    parse: text,
    fallback: 'openid profile email',
    about: 'Scopes that are asked of the provider, openid among them.',
    example: 'openid profile groups',
  }),
  oidcAllow: always({
    env: 'OIDC_ALLOW',
    parse: parseAllowList,
    fallback: '',
    about: 'Networks and hosts that the provider may be on beyond the public Internet.',
    example: 'login.corp.example',
  }),
  oidcHandleClaim: always({
    env: 'OIDC_HANDLE_CLAIM',
    parse: text,
    fallback: 'preferred_username',
    about: 'Claim that holds the handle of the user; email counts only where email_verified is true.',
    example: 'email',
  }),
  oidcCreateUsers: always({
    env: 'OIDC_CREATE_USERS',
    parse: flag,
    fallback: '0',
    about: 'Whether somebody whom the provider knows and we do not gets an account at their first sign-in.',
    example: '1',
  }),
  oidcRoleClaim: setting({
    env: 'OIDC_ROLE_CLAIM',
    parse: text,
    about: 'Claim (a text or a list) by which the provider gives roles. Without it roles are given here.',
    example: 'groups',
  }),
  oidcRoles: always({
    env: 'OIDC_ROLES',
    parse: list,
    fallback: '',
    about: 'Which value of that claim means which role; who has none of them is an owner.',
    example: 'ops-team=operator, revision=auditor',
  }),
  trustProxy: setting({
    env: 'TRUST_PROXY',
    parse: list,
    about: 'Addresses of the reverse proxies in front, whose x-forwarded-for is believed.',
    example: '10.0.0.0/8,127.0.0.1',
  }),
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
      'Which rules clients of CIBA keep: core, or fapi (no push, requests signed by PS256 or ES256, private_key_jwt alone, a binding_message, tokens of 9 minutes at most).',
    example: 'fapi',
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
    parse: text,
    about: 'Audience (aud) of issued tokens: the service that takes them. The public origin if not given.',
    example: 'https://api.example.com',
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
  pushSubject: setting({
    env: 'PUSH_SUBJECT',
    parse: pushSubject,
    about:
      'Address at which push services reach the operator (RFC 8292): mailto: or https:. The public origin if not given.',
    example: 'mailto:ops@example.com',
  }),
  pushHosts: always({
    env: 'PUSH_HOSTS',
    parse: list,
    fallback: 'fcm.googleapis.com, *.push.services.mozilla.com, *.push.apple.com, *.notify.windows.com',
    about: 'Push services that may be called to tell a browser; others are refused.',
    example: 'fcm.googleapis.com, *.push.apple.com',
  }),
  appBackendUrl: setting({
    env: 'APP_BACKEND_URL',
    parse: webUrl,
    about:
      'Address at which the back end of your own app hears of requests, so that the app can tell and show them. With it the http channel is on.',
    example: 'https://app.example.com/hooks/countersign',
  }),
  appBackendSecret: setting({
    env: 'APP_BACKEND_SECRET',
    parse: webhookSecret,
    about: 'Signs those calls (Standard Webhooks): whsec_ and at least 24 bytes in base64.',
    example: 'in COUNTERSIGN_APP_BACKEND_SECRET_FILE: /run/secrets/app-backend',
    isSecret: true,
  }),
  appOrigins: setting({
    env: 'APP_ORIGINS',
    parse: appOrigins,
    about:
      'Origins of your own apps in which passkeys of this site may sign (WebAuthn): of an Android app its android:apk-key-hash.',
    example: 'android:apk-key-hash:Z9vG7nfBjn0h3vAdBl9wDzxkQAVtyKo8l8ddTDE3rnk',
  }),
  whatsappApi: always({
    env: 'WHATSAPP_API',
    parse: origin,
    fallback: 'https://graph.facebook.com',
    about: 'Base address of the WhatsApp Cloud API.',
    example: 'https://graph.facebook.com',
  }),
  whatsappApiVersion: always({
    env: 'WHATSAPP_API_VERSION',
    parse: text,
    fallback: 'v23.0',
    about: 'Version of the WhatsApp Cloud API.',
    example: 'v23.0',
  }),
  whatsappPhoneNumberId: setting({
    env: 'WHATSAPP_PHONE_NUMBER_ID',
    parse: text,
    about: 'Id of the number that messages come from. With it the WhatsApp channel is on.',
    example: '106540352242922',
  }),
  whatsappNumber: setting({
    env: 'WHATSAPP_NUMBER',
    parse: phone,
    about: 'The number itself, which users write to when they connect their phone. Without it Meta is asked.',
    example: '+1 555 010 0199',
  }),
  whatsappRate: always({
    env: 'WHATSAPP_RATE',
    parse: count,
    fallback: '80',
    about:
      'Messages a second from this node. Meta begins with 80 for a number; nodes share it, so divide it by their count.',
    example: '80',
  }),
  whatsappAccessToken: setting({
    env: 'WHATSAPP_ACCESS_TOKEN',
    parse: text,
    about: 'Token of a system user with the right whatsapp_business_messaging.',
    example: 'in COUNTERSIGN_WHATSAPP_ACCESS_TOKEN_FILE: /run/secrets/whatsapp',
    isSecret: true,
  }),
  whatsappAppSecret: setting({
    env: 'WHATSAPP_APP_SECRET',
    parse: text,
    about: 'App secret, by which a webhook call is known to be from Meta.',
    example: 'in COUNTERSIGN_WHATSAPP_APP_SECRET_FILE: /run/secrets/whatsapp-app',
    isSecret: true,
  }),
  whatsappVerifyToken: setting({
    env: 'WHATSAPP_VERIFY_TOKEN',
    parse: text,
    about: 'Word of your choice that Meta repeats when it verifies the webhook address.',
    example: 'a long random word',
    isSecret: true,
  }),
  whatsappTemplate: always({
    env: 'WHATSAPP_TEMPLATE',
    parse: text,
    fallback: 'access_request_v1',
    about: 'Name of the approved message template.',
    example: 'access_request_v1',
  }),
  whatsappAccountTemplate: setting({
    env: 'WHATSAPP_ACCOUNT_TEMPLATE',
    parse: text,
    about:
      'Name of an approved template for news of the account itself, with two variables in its body: what happens, and when. Without it such news does not go by WhatsApp.',
    example: 'account_news_v1',
  }),
  whatsappTemplateLanguage: always({
    env: 'WHATSAPP_TEMPLATE_LANGUAGE',
    parse: text,
    fallback: 'en',
    about: 'Language of the approved message template.',
    example: 'en',
  }),
  auditRetention: setting({
    env: 'AUDIT_RETENTION',
    parse: days,
    about:
      'How long entries of the audit log are kept, and with them the timelines of requests. Their checkpoints stay. For ever if not given.',
    example: '400d',
  }),
  feedbackWebhook: setting({
    env: 'FEEDBACK_WEBHOOK',
    parse: text,
    about: 'Address that each feedback is POSTed to, signed. The rules for endpoints hold for it.',
    example: 'https://hooks.example.com/countersign',
  }),
  feedbackWebhookSecret: setting({
    env: 'FEEDBACK_WEBHOOK_SECRET',
    parse: webhookSecret,
    about: 'Signs what is POSTed there (Standard Webhooks): whsec_ and at least 24 bytes in base64.',
    example: 'in COUNTERSIGN_FEEDBACK_WEBHOOK_SECRET_FILE: /run/secrets/feedback',
    isSecret: true,
  }),
  feedbackMail: setting({
    env: 'FEEDBACK_MAIL',
    parse: mailAddress,
    about: 'Mail address that each feedback is sent to, by the mail server below.',
    example: 'help@example.com',
  }),
  smtp: setting({
    env: 'SMTP',
    parse: smtpUrl,
    about: 'Mail server: smtp:// (TLS by STARTTLS) or smtps://, with user and password.',
    example: 'smtp://countersign:secret@mail.example.com:587',
    isSecret: true,
  }),
  smtpFrom: setting({
    env: 'SMTP_FROM',
    parse: mailAddress,
    about: 'Sender of mails. The address in FEEDBACK_MAIL if not given.',
    example: 'countersign@example.com',
  }),
}

type Settings = typeof settings

/** The settings in force. What has a default is always there. */
export type Config = {
  [K in keyof Settings]:
    | ReturnType<Settings[K]['parse']>
    | (Settings[K] extends { isAlways: true } ? never : undefined)
}

/** A setting that cannot be used. The message names it, and shows one that can. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}

/** A setting as it is in force. */
export interface SettingInForce {
  name: string
  about: string
  /** As it was written; null where it is a secret, or not set. */
  value: string | null
  isSecret: boolean
  /** Where it stands: a variable, a file that a variable names, the file of settings, or nowhere. */
  source: 'environment' | 'secret_file' | 'settings_file' | 'default' | 'unset'
}

const inForce = new WeakMap<Config, SettingInForce[]>()

/** What was read, and from where; a secret is named and not shown. */
export const settingsInForce = (config: Config): SettingInForce[] => inForce.get(config) ?? []

/** Settings that are secrets, or may hold one. */
const HIDDEN = new Set(['MASTER_KEY', 'MASTER_KEY_COMMAND'])

/** Reads all settings from the environment, and from the file that it names. @throws SettingError */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const env = { ...parseEnv(fromFile(environment, 'COUNTERSIGN_CONFIG_FILE') ?? ''), ...environment }
  const known = new Set<string>()
  const config: Record<string, unknown> = {}
  const shown: SettingInForce[] = []
  for (const [key, each] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const name = `COUNTERSIGN_${each.env}`
    known.add(name).add(`${name}_FILE`)
    const written = env[name] || (each.isSecret ? fromFile(env, `${name}_FILE`) : undefined)
    const given = written || each.fallback
    const isSecret = each.isSecret === true || HIDDEN.has(each.env)
    const source = !written
      ? each.fallback === undefined
        ? 'unset'
        : 'default'
      : environment[name]
        ? 'environment'
        : env[name]
          ? 'settings_file'
          : 'secret_file'
    shown.push({ name, about: each.about, value: isSecret ? null : (given ?? null), isSecret, source })
    if (given === undefined) continue
    try {
      config[key] = each.parse(given)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'is not usable'
      throw new SettingError(`${name} ${why}. Example: ${name}=${each.example}`, { cause })
    }
  }
  const unknown = Object.keys(env).find((name) => name.startsWith('COUNTERSIGN_') && !known.has(name))
  if (unknown)
    throw new SettingError(`There is no setting ${unknown}. “countersign serve --help” lists them all.`)
  if (config.appBackendUrl && !config.appBackendSecret) {
    throw new SettingError(
      'COUNTERSIGN_APP_BACKEND_URL needs COUNTERSIGN_APP_BACKEND_SECRET, by which the back end knows our calls. Example: COUNTERSIGN_APP_BACKEND_SECRET=whsec_$(head -c 32 /dev/urandom | base64)',
    )
  }
  if (config.outboundProxy && !config.outboundProxyGuards) {
    // Names are looked up by the proxy, so we cannot see the addresses that are dialled.
    throw new SettingError(
      'COUNTERSIGN_OUTBOUND_PROXY needs a proxy that itself refuses private addresses, smokescreen for instance. Example: COUNTERSIGN_OUTBOUND_PROXY_GUARDS=1 states that it does.',
    )
  }
  if (config.feedbackWebhook && !config.feedbackWebhookSecret) {
    throw new SettingError(
      `COUNTERSIGN_FEEDBACK_WEBHOOK needs a secret to sign with. Example: COUNTERSIGN_FEEDBACK_WEBHOOK_SECRET=whsec_$(head -c 32 /dev/urandom | base64)`,
    )
  }
  if (config.feedbackMail && !config.smtp) {
    throw new SettingError(
      'COUNTERSIGN_FEEDBACK_MAIL needs a mail server. Example: COUNTERSIGN_SMTP=smtp://countersign:secret@mail.example.com:587',
    )
  }
  if (config.oidcIssuer && !(config.oidcClientId && config.oidcClientSecret)) {
    throw new SettingError(
      'COUNTERSIGN_OIDC_ISSUER needs the client of this server there. Example: COUNTERSIGN_OIDC_CLIENT_ID=countersign and COUNTERSIGN_OIDC_CLIENT_SECRET_FILE=/run/secrets/oidc',
    )
  }
  inForce.set(config as Config, shown)
  return config as Config
}

/** The settings without which WhatsApp is off. */
export const WHATSAPP_NEEDS = [
  'whatsappPhoneNumberId',
  'whatsappAccessToken',
  'whatsappAppSecret',
  'whatsappVerifyToken',
] as const

/** Names of those that are not set. */
export const missingForWhatsapp = (config: Config): string[] =>
  WHATSAPP_NEEDS.filter((each) => !config[each]).map((each) => `COUNTERSIGN_${settings[each].env}`)

/** The WhatsApp channel's settings, once all of them are there. */
export function whatsappSettings(config: Config): WhatsappSettings | undefined {
  const { whatsappPhoneNumberId, whatsappAccessToken, whatsappAppSecret, whatsappVerifyToken } = config
  if (!whatsappPhoneNumberId || !whatsappAccessToken || !whatsappAppSecret || !whatsappVerifyToken)
    return undefined
  return {
    apiUrl: config.whatsappApi,
    apiVersion: config.whatsappApiVersion,
    phoneNumberId: whatsappPhoneNumberId,
    number: config.whatsappNumber,
    messagesPerSecond: config.whatsappRate,
    accessToken: whatsappAccessToken,
    appSecret: whatsappAppSecret,
    verifyToken: whatsappVerifyToken,
    templateName: config.whatsappTemplate,
    templateLanguage: config.whatsappTemplateLanguage,
    accountTemplateName: config.whatsappAccountTemplate,
  }
}

/** The operator's own sign-in provider, once it is set. */
export function providerSettings(config: Config): ProviderSettings | undefined {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config
  if (!issuer || !clientId || !clientSecret) return undefined
  return {
    issuer,
    clientId,
    clientSecret,
    scopes: config.oidcScopes,
    handleClaim: config.oidcHandleClaim,
    createsUsers: config.oidcCreateUsers,
    roleClaim: config.oidcRoleClaim,
    roles: config.oidcRoles.filter(Boolean).map(roleRule),
    isOpen: config.isDev,
  }
}

function roleRule(text: string): [value: string, role: Role] {
  const [value = '', role = ''] = text.split('=').map((each) => each.trim())
  if (value && (role === 'operator' || role === 'auditor')) return [value, role]
  throw new SettingError(
    'COUNTERSIGN_OIDC_ROLES must be a list of value=operator or value=auditor. Example: COUNTERSIGN_OIDC_ROLES=ops-team=operator',
  )
}

/** All settings as text, for `--help`. */
export function settingsHelp(): string {
  return (Object.values(settings) as Setting<unknown>[])
    .map(({ env, fallback, about, isSecret }) => {
      const notes = [fallback && `default ${fallback}`, isSecret && `or a path in COUNTERSIGN_${env}_FILE`]
      const note = notes.filter(Boolean).join('; ')
      return `  COUNTERSIGN_${env}${note ? `  (${note})` : ''}\n      ${about}`
    })
    .join('\n')
}

/** All settings as a table, for docs/configuration.md. */
export function settingsTable(): string {
  const rows = (Object.values(settings) as Setting<unknown>[]).map(
    ({ env, fallback, about, example, isSecret }) =>
      `| \`COUNTERSIGN_${env}\`${isSecret ? ' (or `…_FILE`)' : ''} | ${fallback ? `\`${fallback}\`` : '–'} | ${about} | \`${example}\` |`,
  )
  return ['| Setting | Default | What it is | Example |', '|---|---|---|---|', ...rows].join('\n')
}

function fromFile(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const path = env[name]
  if (!path) return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new SettingError(`The file of ${name} cannot be read: ${path}`, { cause })
  }
}
