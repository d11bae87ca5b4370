import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { Temporal } from 'temporal-polyfill'
import { DAY, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { readScopes, type Scopes } from '#clients/catalogue.ts'
import { type DetailTypes, readDetailTypes } from '#clients/detail-types.ts'
import { type HintIssuers, readHintIssuers } from '#clients/hint-tokens.ts'
import type { Profile } from '#clients/store.ts'
import type { ListenRule } from '#deliveries/listen.ts'
import type { ProofRule } from '#deliveries/proof.ts'
import type { Window } from '#http/limits.ts'
import { readPhone } from '#notices/contacts.ts'
import type { DailyExpiry } from '#requests/expiry.ts'

// What a setting's text may say. Each takes the text as given and returns its value, or throws an Error whose
// message goes on after the setting's name: "must be …".

export function text(given: string): string {
  return given
}

export function list(given: string): string[] {
  return given.split(',').map((each) => each.trim())
}

/** One or more, none of them empty. */
export function audiences(given: string): string[] {
  const all = list(given)
  if (all.every((each) => /^[!-~]+$/.test(each))) return all
  throw new Error('must be one or more addresses, with commas between')
}

export function flag(given: string): boolean {
  if (given === '1' || given === '0') return given === '1'
  throw new Error('must be 1 or 0')
}

export function port(given: string): number {
  const number = Number(given)
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number
  throw new Error('must be a whole number from 0 to 65535')
}

export function count(given: string): number {
  const number = Number(given)
  if (Number.isInteger(number) && number > 0 && number <= 10_000) return number
  throw new Error('must be a whole number from 1 to 10000')
}

/** The same, where 0 means none. */
export function countOrNone(given: string): number {
  return given === '0' ? 0 : count(given)
}

export function listenRule(given: string): ListenRule {
  if (given === 'off' || given === 'test' || given === 'individual' || given === 'any') return given
  throw new Error('must be off, test, individual or any')
}

export function cibaProfile(given: string): Profile {
  if (given === 'core' || given === 'fapi') return given
  throw new Error('must be core or fapi')
}

export function proofRule(given: string): ProofRule {
  if (given === 'reachable' || given === 'challenge' || given === 'off') return given
  throw new Error('must be reachable, challenge or off')
}

export function linkHandles(given: string): 'hidden' | 'accepted' | 'told' {
  if (given === 'hidden' || given === 'accepted' || given === 'told') return given
  throw new Error('must be hidden, accepted or told')
}

/** JSON as it stands, or the path of a file of it. */
export function scopeCatalogue(given: string): Scopes {
  return readScopes(jsonOrFile(given))
}

/** The same. */
export function detailTypes(given: string): DetailTypes {
  return readDetailTypes(jsonOrFile(given))
}

/** The same. */
export function hintIssuers(given: string): HintIssuers {
  return readHintIssuers(jsonOrFile(given))
}

const jsonOrFile = (given: string) => (given.trimStart().startsWith('{') ? given : fileAt(given))

function fileAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new Error(`names a file that cannot be read: ${path}`)
  }
}

export function databaseUrl(given: string): string {
  if (/^postgres(ql)?:$/.test(URL.parse(given)?.protocol ?? '')) return given
  throw new Error('must be an address such as postgres://user@host/database')
}

/** Addresses and networks, such as 10.0.0.5 or 10.1.0.0/16. */
export function proxyAddresses(given: string): BlockList {
  const found = new BlockList()
  for (const each of list(given)) {
    const [, address = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(each) ?? []
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const most = family === 'ipv6' ? 128 : 32
    if (isIP(address) === 0 || Number(bits ?? 0) > most)
      throw new Error('must be addresses such as 10.0.0.5,10.1.0.0/16')
    found.addSubnet(address, Number(bits ?? most), family)
  }
  return found
}

/** As Node names headers: in lower case. */
export function headerName(given: string): string {
  if (/^[\w-]+$/.test(given) && given.toLowerCase() !== 'authorization') return given.toLowerCase()
  throw new Error('must be the name of a header, such as client-cert')
}

export function proxyUrl(given: string): string {
  const url = URL.parse(given)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash)
    return url.href
  throw new Error('must be the address of an HTTP proxy: scheme, host and port, nothing after it')
}

export function origin(given: string): string {
  const url = URL.parse(given)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash)
    return url.origin
  throw new Error('must be an origin: scheme, host and port, nothing after it')
}

export function webUrl(given: string): string {
  const url = URL.parse(given)
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash) return url.href
  throw new Error('must be a whole address that begins with https://')
}

export function headers(given: string): Record<string, string> {
  const pairs = list(given).map((each) => /^([\w-]+)=(.+)$/.exec(each)?.slice(1) as [string, string])
  if (pairs.every(Boolean)) return Object.fromEntries(pairs)
  throw new Error('must be a list of name=value')
}

export function appOrigins(given: string): string[] {
  const origins = list(given)
  const isOrigin = (each: string) =>
    /^android:apk-key-hash:[\w-]{43}$/.test(each) ||
    (/^https:/.test(each) && URL.parse(each)?.origin === each)
  if (origins.every(isOrigin)) return origins
  throw new Error('must be origins such as android:apk-key-hash:… or https://app.example.com')
}

export function phone(given: string): string {
  const digits = readPhone(given)
  if (digits) return digits
  throw new Error('must be a phone number with its country code')
}

/** As the provider writes it: it is compared to the letter (OpenID Connect Discovery 1.0 §4.3). */
export function issuerUrl(given: string): string {
  const url = URL.parse(given)
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash) return given
  throw new Error('must be the address of an issuer: scheme, host and perhaps a path')
}

export function pushSubject(given: string): string {
  if (/^mailto:\S+@\S+$/.test(given) || URL.parse(given)?.protocol === 'https:') return given
  throw new Error('must begin with mailto: or https:')
}

/** The current master key, and behind it older ones that still open. */
export function masterKeys(given: string): Buffer[] {
  const words = given.split(/\s+/).filter(Boolean)
  const keys = words.map((word) => Buffer.from(word, 'base64'))
  const isWhole = words.every((word, i) => /^[\w+/-]+=*$/.test(word) && keys[i]?.length === 32)
  if (keys.length > 0 && isWhole) return keys
  throw new Error('must be 32 bytes in base64 (head -c 32 /dev/urandom | base64)')
}

export function adminKey(given: string): string {
  if (given.length >= 32) return given
  throw new Error('must have at least 32 characters')
}

export function daily(given: string): DailyExpiry {
  const [, time, zone] = /^daily (\d\d:\d\d) (\S+)$/.exec(given) ?? []
  if (!time || !zone) throw new Error('must be “daily HH:MM Zone/Name”')
  try {
    Temporal.PlainTime.from(time)
    Temporal.Now.zonedDateTimeISO(zone)
  } catch {
    throw new Error('names a time or a zone that does not exist')
  }
  return { time, zone }
}

/** A span of time in milliseconds. */
export function duration(given: string): number {
  const ms = durationOrNone(given)
  if (ms > 0) return ms
  throw new Error('must be longer than nothing, for instance 90s')
}

/** The same, where 0s means not at all. */
export function durationOrNone(given: string): number {
  const [, count, unit = ''] = /^(\d+)(ms|[smhd])$/.exec(given) ?? []
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (ms <= LONGEST_MS) return ms
  throw new Error('must be a span of time such as 90s, 5m, 1h, at most 7d')
}

/** How long access can be renewed, in milliseconds; 0s means not at all. */
export function renewalLife(given: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(given) ?? []
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (ms <= LONGEST_RENEWAL_MS) return ms
  throw new Error('must be a span of time such as 12h or 30d, at most 400d')
}

const LONGEST_RENEWAL_MS = 400 * DAY

/** How long something is kept, in milliseconds. */
export function days(given: string): number {
  const [, count] = /^(\d{1,5})d$/.exec(given) ?? []
  if (Number(count) >= FEWEST_DAYS) return Number(count) * DAY
  throw new Error(`must be a number of days such as 400d, at least ${FEWEST_DAYS}d`)
}

/** Longer than anything is under way that people look at the timeline of. */
const FEWEST_DAYS = 30

const LONGEST_MS = 7 * DAY
const UNITS: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }

export function windows(given: string): Window[] {
  return list(given).map((each) => {
    const [, most, count, unit = ''] = /^(\d+)\/(\d+)([smh])$/.exec(each) ?? []
    const ms = Number(count) * (UNITS[unit] ?? Number.NaN)
    if (!(Number(most) > 0 && ms > 0)) throw new Error('must be a list such as 50/1s, 500/1m')
    return { most: Number(most), ms }
  })
}

/** A key of Standard Webhooks. */
export function webhookSecret(given: string): Buffer {
  const [, encoded = ''] = /^whsec_([\w+/]+=*)$/.exec(given) ?? []
  const key = Buffer.from(encoded, 'base64')
  if (key.length >= 24) return key
  throw new Error('must be whsec_ and at least 24 bytes in base64')
}

export function mailAddress(given: string): string {
  if (/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(given)) return given
  throw new Error('must be one mail address')
}

export function smtpUrl(given: string): string {
  const url = URL.parse(given)
  if (url && /^smtps?:$/.test(url.protocol) && url.hostname) return given
  throw new Error('must begin with smtp:// or smtps:// and name a host')
}
