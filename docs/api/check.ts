import { readFile, writeFile } from 'node:fs/promises'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { makeDocument, Undescribed } from './document.ts'

const PATH = new URL('../openapi.json', import.meta.url)

/** Compares docs/openapi.json with the routes as they are, and lints it. `--write` brings it up to date. */
async function check(mayWrite: boolean): Promise<string[]> {
  const text = `${JSON.stringify(await makeDocument(), null, 2)}\n`
  if (mayWrite) await writeFile(PATH, text)
  const kept = await readFile(PATH, 'utf8').catch(() => '')
  const drift =
    kept === text ? [] : ['docs/openapi.json is not what is served. Write it anew: npm run openapi']
  return [...drift, ...(await lint(text))]
}

async function lint(source: string): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'operation-operationId': 'error',
      'operation-summary': 'error',
      'operation-singular-tag': 'error',
      'tag-description': 'error',
      'no-unused-components': 'error',
      // A server without a site of its own has no address to put here.
      'no-server-example.com': 'off',
      'info-contact': 'off',
      // Some calls only ever refuse, send elsewhere, or need no credentials and so have nothing to refuse.
      'operation-2xx-response': 'off',
      'operation-4xx-response': 'off',
      // Upstox's own path to a call without an id ends so.
      'no-path-trailing-slash': 'off',
    },
  })
  const found = await lintFromString({ source, absoluteRef: PATH.pathname, config })
  return found.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`)
}

try {
  const faults = await check(process.argv.includes('--write'))
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
} catch (fault) {
  if (!(fault instanceof Undescribed)) throw fault
  console.error(fault.message)
  process.exitCode = 1
}
