import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SECRET_PATTERN } from '#base/secrets.ts'
import { READY } from './support/process.ts'

const run = promisify(execFile)
const CLONE = fileURLToPath(new URL('../', import.meta.url))
/** The one that runs this test, for all that npm starts. */
const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
/** Nothing of this machine's settings; npm finds its cache by HOME. */
const ENV = { PATH, HOME: process.env.HOME, NODE_DISABLE_COMPILE_CACHE: '1' }

interface Packed {
  filename: string
  size: number
  unpackedSize: number
  files: { path: string; mode: number }[]
}

let folder: string
let packed: Packed
let isLinked = false
/** The user's folder. */
const HOME = () => join(folder, 'home')
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-package-'))
  // What `prepack` does after it has built the pages, which the other tests are reading now.
  await run(process.execPath, [join(CLONE, 'build/dist.ts')], { timeout: 60_000 })
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const { stdout } = await run('npm', words, { cwd: CLONE, env: ENV, timeout: 60_000 })
  packed = JSON.parse(stdout)[0]
  await install()
})
after(() => rm(folder, { recursive: true, force: true }))

/**
 * Installs the tarball as a user would, with npm, in an empty folder. The versions are those of our own lock, so that
 * npm takes all of them from the cache that `npm ci` filled, and asks nobody. Where that cache is not at hand, what the
 * package depends on is linked from the clone: the package itself is the same, but for npm's own work on it.
 */
async function install() {
  const lock = JSON.parse(await readFile(join(CLONE, 'package-lock.json'), 'utf8'))
  const { '': own, ...known } = lock.packages
  const needed = Object.entries(known).filter(([, each]) => !(each as { dev?: boolean }).dev)
  const spec = `file:../${packed.filename}`
  const root = { name: 'home', dependencies: { countersign: spec } }
  const ours = { version: own.version, resolved: spec, dependencies: own.dependencies, bin: own.bin }
  const packages = { '': root, 'node_modules/countersign': ours, ...Object.fromEntries(needed) }
  await mkdir(HOME())
  await writeFile(join(HOME(), 'package.json'), JSON.stringify(root))
  await writeFile(join(HOME(), 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }))
  const words = ['ci', '--offline', '--no-audit', '--no-fund']
  await run('npm', words, { cwd: HOME(), env: ENV, timeout: 45_000 }).catch(() =>
    link(Object.fromEntries(needed)),
  )
}

async function link(needed: Record<string, unknown>) {
  isLinked = true
  await rm(join(HOME(), 'node_modules'), { recursive: true, force: true })
  for (const path of Object.keys(needed)) {
    if (path.lastIndexOf('node_modules/') > 0) continue
    await mkdir(dirname(join(HOME(), path)), { recursive: true })
    await symlink(join(CLONE, path), join(HOME(), path))
  }
  const target = join(HOME(), 'node_modules/countersign')
  await mkdir(target)
  await run('tar', ['-xzf', join(folder, packed.filename), '-C', target, '--strip-components=1'])
  await mkdir(join(HOME(), 'node_modules/.bin'))
  await chmod(join(target, 'bin/countersign.mjs'), 0o755)
  await symlink('../countersign/bin/countersign.mjs', join(HOME(), 'node_modules/.bin/countersign'))
}

const npx = (...words: string[]) =>
  run('npx', ['--no-install', 'countersign', ...words], {
    cwd: HOME(),
    env: ENV,
    timeout: 45_000,
  })

test('the package holds what runs, and nothing that only its makers need', (t) => {
  const paths = packed.files.map(({ path }) => path)
  const kinds =
    /^(bin\/countersign\.mjs|deploy\/.+|dist\/(package\.json|(src|demo|sdk)\/.+\.(js|sql|css|html|svg)|web\/dist\/.+)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
  assert.deepEqual(
    paths.filter((path) => !kinds.test(path)),
    [],
  )
  assert.deepEqual(
    paths.filter((path) =>
      /\.test\.|\btest\/|bench|\.ts$|\.tsx$|\.map$|\.key$|\.pem$|\.env|\.db$/.test(path),
    ),
    [],
  )
  for (const needed of [
    'dist/src/cli.js',
    'dist/web/dist/index.html',
    'dist/src/store/migrations/0001-start.sqlite.sql',
    'dist/src/store/migrations/0001-start.postgres.sql',
    'dist/demo/initiator/page.js',
  ])
    assert.ok(paths.includes(needed), needed)
  t.diagnostic(`${packed.files.length} files, ${packed.size} bytes, unpacked ${packed.unpackedSize}`)
  t.diagnostic(isLinked ? 'npm has no cache here: dependencies are linked' : 'installed by npm ci --offline')
  assert.ok(packed.size < 2_200_000, `${packed.size} bytes`)
})

test('no file of the package holds a secret, or a path of the machine that made it', async () => {
  for (const { path } of packed.files) {
    const text = await readFile(join(HOME(), 'node_modules/countersign', path), 'utf8')
    assert.doesNotMatch(text, SECRET_PATTERN, path)
    assert.doesNotMatch(text, /-----BEGIN [A-Z ]*PRIVATE KEY-----\n/, path)
    assert.ok(!text.includes(CLONE), path)
  }
})

test('npx countersign demo --once shows the whole flow from the package', async () => {
  const { stdout } = await npx('demo', '--once')
  assert.match(stdout, /All steps done/)
  const agent = await npx('demo', '--agent', '--once')
  assert.match(agent.stdout, /Paid is what she approved, and nothing else/)
})

test('npx countersign serve starts from the package, with pages, and stops when told', async () => {
  const child = spawn(
    process.execPath,
    [join(HOME(), 'node_modules/countersign/bin/countersign.mjs'), 'serve'],
    {
      cwd: HOME(),
      env: { ...ENV, COUNTERSIGN_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 45_000,
    },
  )
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let output = ''
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (part) => {
      output += part
      const [, found] = new RegExp(`${READY} at (\\S+)`).exec(output) ?? []
      if (found) resolve(found)
    })
    child.once('exit', () => reject(new Error(`It ended: ${output}`)))
  })
  const page = await fetch(origin)
  assert.equal(page.status, 200)
  const [, script = ''] = /src="([^"]+\.js)"/.exec(await page.text()) ?? []
  assert.equal((await fetch(new URL(script, origin))).status, 200)
  assert.equal((await fetch(new URL('/readyz', origin))).status, 200)
  child.kill('SIGTERM')
  assert.equal(await exited, 0)
})

test('npx countersign --help lists the commands, also where nothing else is installed', async () => {
  const { stdout } = await npx('--help')
  assert.match(stdout, /doctor/)
})

test('an older Node is told in a sentence what is needed', async () => {
  const older =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})'
  const bin = join(HOME(), 'node_modules/countersign/bin/countersign.mjs')
  const failed = await run(process.execPath, ['--import', older, bin, 'serve'], { env: ENV }).catch(
    (fault) => fault,
  )
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /^Countersign needs Node 24 or newer; this is Node 20\.1\.0\./)
  // What an old Node cannot link is said as a syntax error, before any sentence of ours.
  const text = await readFile(bin, 'utf8')
  assert.doesNotMatch(text, /^import .*(enableCompileCache|stripTypeScriptTypes)/m)
})
