import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import type * as Client from '../sdk/src/index.ts'
import { addInitiator } from './support/ciba.ts'
import { startServer } from './support/server.ts'

// @countersign/client as its users get it: packed, installed, bundled, and without anything of Node.

const run = promisify(execFile)
const CLONE = fileURLToPath(new URL('../', import.meta.url))
const SDK = join(CLONE, 'sdk')

let folder: string
let files: string[]
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-sdk-'))
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const words = ['pack', '--json', '--pack-destination', folder]
  const { stdout } = await run('npm', words, { cwd: SDK, env: { ...process.env, PATH }, timeout: 90_000 })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as {
    filename: string
    files: { path: string }[]
  }[]
  files = packed?.files.map(({ path }) => path) ?? []
  const target = join(folder, 'node_modules/@countersign/client')
  await mkdir(target, { recursive: true })
  await run('tar', ['-xzf', join(folder, packed?.filename ?? ''), '-C', target, '--strip-components=1'])
})
after(() => rm(folder, { recursive: true, force: true }))

/** What a bundler makes of a program that imports these names. */
async function bundle(names: string, format: 'es' | 'iife'): Promise<string> {
  const entry = join(folder, `${names.length}-${format}.mjs`)
  await writeFile(entry, `export { ${names} } from '@countersign/client'`)
  const made = await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2024',
      lib: { entry, formats: [format], name: 'client', fileName: 'client' },
      rolldownOptions: { output: { minify: true } },
    },
  })
  const [chunk] = (Array.isArray(made) ? made[0] : undefined)?.output ?? []
  assert.ok(chunk?.type === 'chunk')
  return chunk.code
}

test('the package holds modules, their types, a README and a licence, and depends on nothing', async () => {
  const kinds = /^(dist\/\w+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/
  assert.deepEqual(
    files.filter((path) => !kinds.test(path)),
    [],
  )
  const text = await readFile(join(folder, 'node_modules/@countersign/client/package.json'), 'utf8')
  const { dependencies, peerDependencies, version } = JSON.parse(text) as Record<string, string>
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined])
  const own = JSON.parse(await readFile(join(CLONE, 'package.json'), 'utf8')) as { version: string }
  assert.equal(version, own.version)
})

test('its types are understood, with every setting of a strict compiler', async () => {
  await writeFile(
    join(folder, 'use.ts'),
    `import { type Asked, createApp, createInitiator, CountersignError, verifyWebhook } from '@countersign/client'
     const agent = createInitiator({ issuer: 'https://a.example', clientId: 'a', clientSecret: 'b' })
     export const asked: Promise<Asked> = agent.ask({ loginHint: 'asha', acrValues: 'phr' })
     export const sub: Promise<string | undefined> = agent.wait(await asked).then((tokens) => tokens.claims?.sub)
     export const app = createApp({ origin: 'https://a.example', clientId: 'a', clientSecret: 'b', webhookKeys: [] })
     export const code = (fault: CountersignError): 'rejected' | undefined => (fault.code === 'rejected' ? fault.code : undefined)
     // @ts-expect-error a hint is text
     void agent.ask({ loginHint: 1 })
     void verifyWebhook(new Request('https://a.example'), ['whsec_'])
    `,
  )
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const words = ['--strict', '--noEmit', '--target', 'es2024', '--lib', 'es2024,dom', '--types', '']
  const tsc = join(CLONE, 'node_modules/.bin/tsc')
  for (const module of [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ]) {
    await run(tsc, [...words, ...module, 'use.ts'], { cwd: folder, timeout: 60_000 }).catch((fault) =>
      assert.fail(String(fault.stdout)),
    )
  }
})

test('what a program loads of it is less than 4 kB, for each of the two protocols', async (t) => {
  for (const names of ['createInitiator, CountersignError', 'createApp, CountersignError']) {
    const size = gzipSync(await bundle(names, 'es'), { level: 9 }).length
    t.diagnostic(`${names}: ${size} bytes`)
    assert.ok(size < 4_000, `${names}: ${size} bytes`)
  }
  const whole = gzipSync(await bundle('createInitiator, createApp, CountersignError, verifyWebhook', 'es'))
  t.diagnostic(`all of it: ${whole.length} bytes`)
})

test('it runs where there is nothing but Web APIs: no process, no Buffer, no require, no import', async () => {
  await using server = await startServer()
  const person = await server.person({ handle: 'asha' })
  const app = await addInitiator(server, [person.userId])
  const { AbortController, AbortSignal, Headers, Request, Response, TextDecoder, TextEncoder } = globalThis
  const { URL, URLSearchParams, atob, btoa, clearTimeout, crypto, fetch, setTimeout } = globalThis
  // The global names that the Minimum Common Web API of WinterTC has, and no other.
  const worker = createContext({
    ...{ AbortController, AbortSignal, Headers, Request, Response, TextDecoder, TextEncoder },
    ...{ URL, URLSearchParams, atob, btoa, clearTimeout, crypto, fetch, setTimeout },
  })
  runInContext(await bundle('createInitiator, createApp, CountersignError', 'iife'), worker)
  assert.equal(runInContext('typeof process + typeof Buffer + typeof require', worker), 'undefined'.repeat(3))
  const { createInitiator } = worker.client as typeof Client

  const agent = createInitiator({
    issuer: server.origin,
    clientId: app.client_id,
    clientSecret: app.client_secret,
  })
  const asked = await agent.ask({ loginHint: 'asha' })
  const waiting = agent.wait(asked)
  await person.approve(asked.requestId ?? '')
  assert.equal((await waiting).claims?.sub, person.userId)
})
