import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DAY } from '#base/clock.ts'
import { whatsappAdvice } from '#channels/whatsapp/doctor.ts'
import { tlsEndingBefore } from '#clients/store.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { openStore } from '../app.ts'
import { type Config, missingForWhatsapp, readConfig, WHATSAPP_NEEDS, whatsappSettings } from '../config.ts'
import { openVault } from '../keys.ts'
import { PAGES_FOLDER } from './pages-folder.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign doctor

Looks at settings, store, keys, disk, pages and channels, and says what to do about each thing that is amiss.
Exits with 1 if something would keep the server from working.
`

interface Finding {
  /** ok: nothing to do. off: works without it. soon: works, but not for long. bad: must be mended. */
  state: 'ok' | 'off' | 'soon' | 'bad'
  what: string
  say: string
}

/** `countersign doctor` */
export async function run(args: string[]): Promise<number> {
  if (!readWords(args, HELP, {})) return 0
  const config = readConfig(process.env)
  const findings: Finding[] = [
    address(config),
    ...(await store(config)),
    await disk(config),
    pages(),
    whatsapp(config),
    allowed(config),
    wayOut(config),
    development(config),
  ]
  for (const { state, what, say } of findings) process.stdout.write(`${state.padEnd(4)} ${what}: ${say}\n`)
  return findings.some(({ state }) => state === 'bad') ? 1 : 0
}

function address({ url, isDev, port }: Config): Finding {
  const what = 'address'
  if (!url)
    return {
      state: 'off',
      what,
      say: `people on this machine only, at http://localhost:${port}. Set COUNTERSIGN_URL.`,
    }
  if (url.startsWith('https:') || isDev) return { state: 'ok', what, say: url }
  return { state: 'bad', what, say: `${url} is not https. Passkeys need https on every host but localhost.` }
}

async function store(config: Config): Promise<Finding[]> {
  const what = 'store and keys'
  try {
    const db = await openStore(config, Date.now)
    try {
      await openVault(db, config)
      const [users] = await db.read<{ count: number }>(sql`select count(*) as count from users`)
      const [jobs] = await db.read<{ count: number; oldest: number | null }>(sql`
        select count(*) as count, min(due_at) as oldest from outbox where kind <> 'expire'`)
      const waiting = `${jobs?.count ?? 0} deliveries and notices wait`
      const say = `${users?.count ?? 0} users; ${waiting}; the master key fits`
      return [{ state: 'ok', what, say }, await certificates(db)]
    } finally {
      await db.close()
    }
  } catch (fault) {
    return [{ state: 'bad', what, say: fault instanceof Error ? fault.message : String(fault) }]
  }
}

const SOON_MS = 30 * DAY
const MOST_NAMED = 10

/** An app whose own certificate has ended gets nothing more; that its owner knows before. */
async function certificates(db: Database): Promise<Finding> {
  const what = 'certificates of apps'
  const now = Date.now()
  const ending = await tlsEndingBefore(db, now + SOON_MS)
  const [first] = ending
  if (!first) return { state: 'ok', what, say: 'none ends within 30 days' }
  const named = ending
    .slice(0, MOST_NAMED)
    .map(({ clientId, name, endsAt }) => {
      const day = new Date(endsAt).toISOString().slice(0, 10)
      return `${name} (${clientId}) ${endsAt <= now ? 'ended' : 'ends'} on ${day}`
    })
    .join('; ')
  const more = ending.length > MOST_NAMED ? `; and ${ending.length - MOST_NAMED} more` : ''
  const say = `${named}${more}. Set new ones: countersign client tls --help`
  return { state: first.endsAt <= now ? 'bad' : 'soon', what, say }
}

const LEAST_FREE_BYTES = 500 * 1024 * 1024

async function disk({ data }: Config): Promise<Finding> {
  const what = 'disk'
  const { bavail, bsize } = await statfs(data)
  const free = bavail * bsize
  const say = `${Math.round(free / 1024 ** 2)} MiB free under ${data}`
  if (free >= LEAST_FREE_BYTES) return { state: 'ok', what, say }
  return { state: 'bad', what, say: `${say}. Make room: a full disk stops every write.` }
}

function pages(): Finding {
  const isBuilt = existsSync(join(PAGES_FOLDER, 'index.html'))
  return isBuilt
    ? { state: 'ok', what: 'pages', say: 'built' }
    : { state: 'bad', what: 'pages', say: 'not built yet. Run: npm run build' }
}

function whatsapp(config: Config): Finding {
  const what = 'WhatsApp'
  const settings = whatsappSettings(config)
  if (settings) return { state: 'ok', what, say: whatsappAdvice(settings) }
  const missing = missingForWhatsapp(config)
  return missing.length === WHATSAPP_NEEDS.length
    ? { state: 'off', what, say: whatsappAdvice(undefined) }
    : { state: 'bad', what, say: `half set up. Missing: ${missing.join(', ')}. See docs/whatsapp.md.` }
}

function allowed({ outboundAllow }: Config): Finding {
  const list = outboundAllow.map(({ text }) => text).join(', ')
  return { state: 'ok', what: 'allowed beyond the public Internet', say: list || 'none' }
}

function wayOut({ outboundProxy }: Config): Finding {
  const what = 'way to endpoints'
  if (!outboundProxy) return { state: 'ok', what, say: 'direct; addresses are checked here' }
  return { state: 'ok', what, say: `by the proxy ${new URL(outboundProxy).host}, which checks addresses` }
}

function development({ isDev }: Config): Finding {
  return isDev
    ? {
        state: 'bad',
        what: 'development',
        say: 'COUNTERSIGN_DEV=1 lets tokens be sent anywhere. Unset it on a real server.',
      }
    : { state: 'ok', what: 'development', say: 'off' }
}
