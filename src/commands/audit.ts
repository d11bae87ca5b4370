import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { exportLog } from '#audit/export.ts'
import { sealEvents } from '#audit/seal.ts'
import { type Verdict, verifyLog } from '#audit/verify.ts'
import { openAuditKey } from '../keys.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign audit export [--from TIME] [--to TIME] [--out FILE]
       countersign audit verify FILE [--key KEY] [--known FILE …]
       countersign audit key

export   writes the audit log with its signed checkpoints, also while servers run; to the terminal without --out. A time
         is written 2026-11-24, or 2026-11-24T09:30:00Z.
verify   checks such a file without a server and without a network: that nothing in it was changed, removed, added or
         moved. FILE may be - for what is piped in. It ends with 0 if all holds, 1 if not.
key      prints the key that signs the checkpoints. Keep it elsewhere, and give it to verify.

  --key KEY      the key that must have signed; without it, the one that the file names is believed
  --known FILE   checkpoints that were kept elsewhere: an earlier export, or what GET /v1/admin/audit/checkpoints gave.
                 With them it also shows when the end of the log was cut off, or all of it was written anew.
`

/** `countersign audit …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    from: { type: 'string' },
    to: { type: 'string' },
    out: { type: 'string' },
    key: { type: 'string' },
    known: { type: 'string', multiple: true },
  })
  if (!words) return 0
  const { values } = words
  const [verb, file, ...more] = words.positionals
  if (verb === 'verify' && file && more.length === 0) {
    return verifyFile(file, values.key, values.known ?? [])
  }
  if (verb === 'export' && !file) {
    return exportTo(values.out, { from: instant(values.from), to: instant(values.to) })
  }
  if (verb === 'key' && !file) {
    const { verifier } = await withStore(({ db, vault }) => openAuditKey(db, vault))
    process.stdout.write(`${verifier}\n`)
    return 0
  }
  throw new UsageError(HELP)
}

async function exportTo(path: string | undefined, span: Parameters<typeof exportLog>[2]): Promise<number> {
  return withStore(async ({ db, vault, now }) => {
    const auditKey = await openAuditKey(db, vault)
    const isWhole = await sealEvents({ db, now, auditKey })
    const pieces = exportLog(db, auditKey.verifier, span)
    if (path === undefined) await pipeline(pieces, process.stdout, { end: false })
    else {
      const handle = await open(path, 'wx', 0o600).catch((cause) => {
        const why =
          cause.code === 'EEXIST' ? 'is there already; nothing is written over' : 'cannot be written'
        throw new UsageError(`${path} ${why}.`, { cause })
      })
      await pipeline(pieces, handle.createWriteStream())
      process.stderr.write(`Wrote ${path}. Check it with: countersign audit verify ${path}\n`)
    }
    if (!isWhole)
      process.stderr.write('The newest entries are left out: a transaction before them is still open.\n')
    return 0
  })
}

async function verifyFile(
  file: string,
  key: string | undefined,
  knownFiles: readonly string[],
): Promise<number> {
  const known = (await Promise.all(knownFiles.map(checkpointsIn))).flat()
  const stream = file === '-' ? process.stdin : createReadStream(file)
  const verdict = await verifyLog(linesOf(stream), { key, known }).catch((fault: unknown) => {
    const isUnread = fault instanceof Error && 'code' in fault
    throw new UsageError(isUnread ? `${file} cannot be read.` : String((fault as Error).message), {
      cause: fault,
    })
  })
  const out = verdict.findings.length === 0 ? process.stdout : process.stderr
  out.write(`${wording(verdict, key !== undefined).join('\n')}\n`)
  return verdict.findings.length === 0 ? 0 : 1
}

function wording(verdict: Verdict, isKeyGiven: boolean): string[] {
  const { entries, before, beforeAt, size, sealedAt, agreed, findings, key, fingerprint } = verdict
  const holds = findings.length === 0
  return [
    holds ? 'The log holds: nothing was changed, removed, added or moved.' : 'The log does not hold.',
    ...findings.map((each) => `  ${each}`),
    `  entries that hold  ${entries}${size > 0 ? `, of ${size} that the log had by ${timeOf(sealedAt)}` : ''}`,
    ...(before > 0 ? [`  not in this file   the first ${before}, sealed by ${timeOf(beforeAt)}`] : []),
    ...(agreed > 0 ? [`  known checkpoints  ${agreed} agree`] : []),
    `  signed by          ${key}`,
    `  key (SHA-256)      ${fingerprint}`,
    ...(isKeyGiven ? [] : ['The key is the one that the file names. Compare it, or give it with --key.']),
  ]
}

const timeOf = (at: number | undefined): string => (at === undefined ? '?' : new Date(at).toISOString())

/** Every checkpoint that a file holds: an export has one in a line, an answer of the API a list. */
async function checkpointsIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new UsageError(`${path} cannot be read.`, { cause })
  })
  const notes = text.split('\n').flatMap((line) => {
    try {
      return notesIn(JSON.parse(line))
    } catch {
      return []
    }
  })
  if (notes.length === 0) throw new UsageError(`${path} holds no checkpoint.`)
  return notes
}

function notesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const { checkpoint, checkpoints } = value as { checkpoint?: unknown; checkpoints?: unknown }
  const own = typeof checkpoint === 'string' ? [checkpoint] : []
  return Array.isArray(checkpoints) ? [...own, ...checkpoints.flatMap(notesIn)] : own
}

/** Lines end by a line feed alone: other signs that break lines may stand in an entry. */
async function* linesOf(stream: NodeJS.ReadableStream) {
  stream.setEncoding('utf8')
  let rest = ''
  for await (const part of stream) {
    const lines = (rest + part).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  yield rest
}

function instant(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const isWhole = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(given)
  const at = isWhole ? Date.parse(given) : Number.NaN
  if (Number.isNaN(at)) {
    throw new UsageError(
      `“${given}” is no time. Write 2026-11-24, or 2026-11-24T09:30:00Z with its zone.\n\n${HELP}`,
    )
  }
  return at
}
