import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'
import { explain } from './sqlite.ts'

/** Pages copied between two looks at the clock: a megabyte. */
const STEP_PAGES = 256

/** How far a copy has come, in bytes. */
export type CopyProgress = (copied: number, total: number) => void

/**
 * Copies an embedded store as it is at this moment, also while servers write to it: a reader's snapshot, which holds up
 * nobody. What is written meanwhile stays in the log of the store until the copy is done.
 *
 * @param to a file that is not there yet
 * @throws StoreUnavailable with a sentence for the operator
 */
export async function copySnapshot(from: string, to: string, report: CopyProgress): Promise<void> {
  // It holds all that the store holds, so nobody else may read it either.
  const file = await open(to, 'wx', 0o600)
  await file.close()
  const source = openRead(from)
  try {
    source.exec('begin')
    // From here on this connection sees one moment, so that no write makes the copy begin anew.
    source.prepare('select count(*) from sqlite_schema').get()
    const { page_size: pageSize } = source.prepare('pragma page_size').get() as { page_size: number }
    const pages = await backup(source, to, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) =>
        report((totalPages - remainingPages) * pageSize, totalPages * pageSize),
    })
    report(pages * pageSize, pages * pageSize)
    // One file, which needs no log beside it.
    const copy = new DatabaseSync(to)
    try {
      copy.exec('pragma journal_mode = delete')
    } finally {
      copy.close()
    }
  } catch (fault) {
    throw explain(fault, to)
  } finally {
    source.close()
  }
}

/** What is known of a copy of an embedded store. */
export interface Snapshot {
  /** Names of the migrations that it has been through. */
  migrations: string[]
  /** When the last entry of its audit log was written, epoch milliseconds; null if it has none. */
  lastEntryAt: number | null
  requests: number
  /** Deliveries on their way. */
  queued: number
}

/** Reads a copy from end to end, past all rooms: it may be of an older form than theirs. @throws StoreUnavailable when it is damaged, or something else */
export function inspectSnapshot(path: string): Snapshot {
  const copy = openRead(path)
  try {
    const { quick_check: verdict } = copy.prepare('pragma quick_check(1)').get() as { quick_check: string }
    if (verdict !== 'ok') throw Object.assign(new Error(verdict), { errcode: DAMAGED })
    const names = copy.prepare('select name from sqlite_schema where name = ?').all('schema_migrations')
    if (names.length === 0) throw Object.assign(new Error('no table of ours'), { errcode: NOT_OURS })
    const value = (text: string) => (copy.prepare(text).get() as { value: number | null }).value
    return {
      migrations: copy
        .prepare("select name from schema_migrations where name <> 'lock' order by name")
        .all()
        .map(({ name }) => String(name)),
      lastEntryAt: value('select max(at) as value from events'),
      requests: value('select count(*) as value from token_requests') ?? 0,
      queued: value("select count(*) as value from deliveries where state = 'queued'") ?? 0,
    }
  } catch (fault) {
    throw explain(fault, path)
  } finally {
    copy.close()
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (https://www.sqlite.org/rescode.html). */
const [DAMAGED, NOT_OURS] = [11, 26]
const PATIENCE_MS = 5_000

function openRead(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true, timeout: PATIENCE_MS })
  } catch (fault) {
    throw explain(fault, path)
  }
}

/** What lies in the place of an embedded store: the file itself, or what a store without its file left there. */
export const remainsOf = (path: string): string[] =>
  ['', '-wal', '-shm'].map((end) => `${path}${end}`).filter((each) => existsSync(each))
