import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { WhatsappSettings } from '#channels/whatsapp/channel.ts'
import type { ProviderSettings } from '#users/provider.ts'
import type { Role } from '#users/store.ts'
import { asking } from './settings/asking.ts'
import { keeping } from './settings/keeping.ts'
import { keys } from './settings/keys.ts'
import { mtls } from './settings/mtls.ts'
import { outbound } from './settings/outbound.ts'
import { people } from './settings/people.ts'
import { server } from './settings/server.ts'
import { type Setting, SettingError } from './settings/setting.ts'
import { telling } from './settings/telling.ts'

export { SettingError } from './settings/setting.ts'

/** Every setting there is. The start-up help and docs/configuration.md are made from this table. */
const settings = { ...server, ...mtls, ...keys, ...outbound, ...people, ...asking, ...telling, ...keeping }

type Settings = typeof settings

/** The settings in force. What has a default is always there. */
export type Config = {
  [K in keyof Settings]:
    | ReturnType<Settings[K]['parse']>
    | (Settings[K] extends { isAlways: true } ? never : undefined)
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
    const isSecret = each.isSecret === true || each.isHidden === true
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
