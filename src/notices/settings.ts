import { Temporal } from 'temporal-polyfill'
import { MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** How a user wants to be told. */
export interface NoticeSettings {
  /** In the order of telling. A channel that is not named comes after those that are. */
  channels: string[]
  /** How long one channel has before the next one tells as well. */
  nextAfterMs: number
  /** Hours of the wall clock in which nothing rings; what comes in them is told after, if it still waits then. */
  quiet: { from: string; to: string; zone: string } | null
  /** Nothing rings before then. */
  mutedUntil: number | null
  /** Of messages, BCP 47 primary subtag; null: that of each device. */
  language: string | null
}

/** The open page needs no telling; of the others the one that the user's own device shows comes first. */
const DEFAULTS: NoticeSettings = {
  channels: ['http', 'webpush', 'whatsapp'],
  nextAfterMs: 30 * SECOND,
  quiet: null,
  mutedUntil: null,
  language: null,
}

interface Row {
  channels: string
  nextAfterMs: number
  quietFrom: string | null
  quietTo: string | null
  zone: string | null
  mutedUntil: number | null
  language: string | null
}

const ofUser = (userId: string) => sql`
  select channels, next_after_ms, quiet_from, quiet_to, zone, muted_until, language
    from notice_settings where user_id = ${userId}`

export async function noticeSettings(db: Database, userId: string): Promise<NoticeSettings> {
  const [row] = await db.read<Row>(ofUser(userId))
  return fromRow(row)
}

export const noticeSettingsInside = async (tx: Transaction, userId: string): Promise<NoticeSettings> =>
  fromRow(await tx.one<Row>(ofUser(userId)))

function fromRow(row: Row | undefined): NoticeSettings {
  if (!row) return DEFAULTS
  const { channels, nextAfterMs, quietFrom, quietTo, zone, mutedUntil, language } = row
  const quiet = quietFrom && quietTo && zone ? { from: quietFrom, to: quietTo, zone } : null
  return { channels: channels.split(','), nextAfterMs, quiet, mutedUntil, language }
}

/** Longest wait for the next channel. A request of five minutes must still reach it. */
export const LONGEST_NEXT_AFTER_MS = 10 * MINUTE

/** @throws Refusal `notice_settings_wrong` */
export async function changeNoticeSettings(
  tx: Transaction,
  userId: string,
  change: Partial<NoticeSettings>,
  now: number,
): Promise<NoticeSettings> {
  const settings = { ...(await noticeSettingsInside(tx, userId)), ...change }
  const { channels, nextAfterMs, quiet, mutedUntil, language } = settings
  if (
    new Set(channels).size !== channels.length ||
    !channels.every((each) => DEFAULTS.channels.includes(each))
  )
    refuse(`name each of ${DEFAULTS.channels.join(', ')} at most once`)
  if (nextAfterMs < 0 || nextAfterMs > LONGEST_NEXT_AFTER_MS) refuse('wait at most 600 seconds for the next')
  if (quiet) {
    const { from, to, zone } = quiet
    if (!isTime(from) || !isTime(to) || from === to) refuse('write quiet hours as HH:MM, from and to apart')
    if (!isZone(zone)) refuse('give a time zone such as Asia/Kolkata')
  }
  await tx.run(sql`
    insert into notice_settings
      (user_id, channels, next_after_ms, quiet_from, quiet_to, zone, muted_until, language, updated_at)
    values (${userId}, ${channels.join(',')}, ${nextAfterMs}, ${quiet?.from ?? null}, ${quiet?.to ?? null},
            ${quiet?.zone ?? null}, ${mutedUntil}, ${language}, ${now})
    on conflict (user_id) do update
       set channels = excluded.channels, next_after_ms = excluded.next_after_ms, quiet_from = excluded.quiet_from,
           quiet_to = excluded.quiet_to, zone = excluded.zone, muted_until = excluded.muted_until,
           language = excluded.language, updated_at = excluded.updated_at`)
  return settings
}

function refuse(why: string): never {
  throw new Refusal('notice_settings_wrong', { detail: `These settings cannot be kept: ${why}.` })
}

const isTime = (text: string) => /^([01]\d|2[0-3]):[0-5]\d$/.test(text)

function isZone(zone: string): boolean {
  try {
    Temporal.Now.zonedDateTimeISO(zone)
    return true
  } catch {
    return false
  }
}

/** When a user may be told of what came now: epoch milliseconds, `now` itself if nothing stands against it. */
export function tellableAt({ quiet, mutedUntil }: NoticeSettings, now: number): number {
  const at = Math.max(now, mutedUntil ?? 0)
  if (!quiet) return at
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(quiet.zone)
  const time = local.toPlainTime().toString({ smallestUnit: 'minute' })
  const isOverMidnight = quiet.from > quiet.to
  const isQuiet = isOverMidnight
    ? time >= quiet.from || time < quiet.to
    : time >= quiet.from && time < quiet.to
  if (!isQuiet) return at
  const day = isOverMidnight && time >= quiet.from ? local.add({ days: 1 }) : local
  return day.withPlainTime(quiet.to).epochMilliseconds
}
