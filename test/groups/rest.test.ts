import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { CHOOSES_ENGINES, runTogether, testFiles } from '../support/group.ts'

runTogether([...testFiles('src/**/*.test.ts'), ...CHOOSES_ENGINES])

test('every test file is run by itself or in a group', async () => {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const byThemselves = [...scripts.test.matchAll(/"([^"]+)"/g)].map(([, pattern]) => pattern)
  const run = testFiles([...byThemselves, 'src/**/*.test.ts', 'test/{spec,stores}/*.test.ts'])
  assert.deepEqual(testFiles('{src,test,demo,sdk,bench,soak}/**/*.test.ts'), run)
})
