import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, root), 'utf8')

test('every test that the requirements of the deliverer name is there', async () => {
  const document = await read('docs/webhooks-requirements.md')
  const points = document.split('\n').filter((line) => /^\| \d+ \|/.test(line))
  assert.equal(points.length, 27)
  let named = 0
  for (const point of points) {
    const cell = point.split('|')[3] ?? ''
    for (const [, path = '', quotes = ''] of cell.matchAll(/`(\S+\.test\.ts)` ([^`]+)/g)) {
      const text = await read(path)
      for (const quote of quotes.split('”;')) {
        const name = quote.trim().replace(/^“|”$/g, '')
        assert.ok(text.includes(name), `${path} has no “${name}”`)
        named += 1
      }
    }
  }
  assert.ok(named > 60, `${named} tests are named`)
})
