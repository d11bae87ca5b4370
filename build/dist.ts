// Makes `dist/`, what the npm package runs: Node strips no types under node_modules, so they are taken out here. The tree
// is the one of the clone, so every path between its files stays true.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** What is read at run time and is no code. */
const ASSETS = ['src/store/migrations', 'web/dist', 'demo/initiator', 'demo/whatsapp-simulator']

/** `#store/sql.ts` means the compiled file here; the nearest package.json decides that. */
const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
const PACKAGE = { version, type: 'module', imports: { '#*.ts': './src/*.js' } }

if (!existsSync(`${ROOT}web/dist/index.html`)) {
  console.error('The pages are not built yet. Run: npm run build')
  process.exit(1)
}
rmSync(`${ROOT}dist`, { recursive: true, force: true })
const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url))
const { status, error } = spawnSync(tsc, ['-p', 'tsconfig.package.json'], { cwd: ROOT, stdio: 'inherit' })
if (error) throw error
if (status !== 0) process.exit(status ?? 1)
for (const path of ASSETS) cpSync(`${ROOT}${path}`, `${ROOT}dist/${path}`, { recursive: true })
writeFileSync(`${ROOT}dist/package.json`, `${JSON.stringify(PACKAGE, null, 2)}\n`)
