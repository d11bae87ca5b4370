import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, root), 'utf8')

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const DOCUMENTS = [
  { name: 'webhooks-requirements', of: 'the deliverer', points: range(1, 27), atLeast: 60 },
  // 24 and 25 are of the console and the documents, and stand below the table.
  {
    name: 'telling-requirements',
    of: 'the user’s side',
    points: [...range(1, 23), ...range(26, 28)],
    atLeast: 70,
  },
]

for (const { name: document, of, points, atLeast } of DOCUMENTS) {
  test(`every test that the requirements of ${of} name is there`, async () => {
    const lines = (await read(`docs/${document}.md`)).split('\n').filter((line) => /^\| \d+ \|/.test(line))
    assert.deepEqual(
      lines.map((line) => Number(line.split('|')[1])),
      points,
    )
    let named = 0
    for (const line of lines) {
      const cell = line.split('|')[3] ?? ''
      for (const [, path = '', quotes = ''] of cell.matchAll(/`(\S+\.test\.ts)` ([^`]+)/g)) {
        const text = await read(path)
        for (const quote of quotes.split('”;')) {
          const name = quote.trim().replace(/^“|”$/g, '')
          assert.ok(text.includes(name), `${path} has no “${name}”`)
          named += 1
        }
      }
    }
    assert.ok(named > atLeast, `${named} tests are named`)
  })
}
