import assert from 'node:assert/strict'
import { test } from 'node:test'
import { useWebApisAlone } from '../support/web-only.ts'

// The same suites once more, with nothing of Node in reach of the library: what Bun, Deno and workers have is enough.
useWebApisAlone()
const sdk = await import('../support/sdk.ts')
await import('./sdk.test.ts')
await import('./sdk-conformance.test.ts')

test('what runs here is not the library with all of Node around it', async () => {
  const { createInitiator } = await import('../../sdk/src/index.ts')
  assert.notEqual(sdk.createInitiator, createInitiator)
  // Reached only by a name that is hidden.
  assert.deepEqual(sdk.hiddenOf(['process', 'Buffer', 'setImmediate', 'global', 'fetch', 'Map']), [
    'process',
    'Buffer',
    'setImmediate',
    'global',
  ])
})
