// Makes `sdk/dist/`, what the npm package @countersign/client holds: plain modules, and their types.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

rmSync(`${ROOT}sdk/dist`, { recursive: true, force: true })
const { status, error } = spawnSync(`${ROOT}node_modules/.bin/tsc`, ['-p', 'sdk'], {
  cwd: ROOT,
  stdio: 'inherit',
})
if (error) throw error
if (status !== 0) process.exit(status ?? 1)
// The compiler leaves `./x.ts` in types as it stands, which not every compiler of a user follows.
for (const name of readdirSync(`${ROOT}sdk/dist`).filter((each) => each.endsWith('.d.ts'))) {
  const path = `${ROOT}sdk/dist/${name}`
  writeFileSync(path, readFileSync(path, 'utf8').replace(/(from '\.\/\w+)\.ts'/g, "$1.js'"))
}
cpSync(`${ROOT}LICENSE`, `${ROOT}sdk/LICENSE`)
