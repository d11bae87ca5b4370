import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, root), 'utf8')

/** Tests that a text names: `path` “name”; “name”. */
const namedIn = (text: string) =>
  [...text.matchAll(/`([^`\s]+\.test\.ts)`((?:;? “[^”]+”)+)/g)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => ({ path, name })),
  )

/** Whether a test of a file has this name, or one that goes on where a case is filled in, or before it. */
const isTest = (file: string, name: string) =>
  [...file.matchAll(/\btest\(\s*(['"`])(.*?)\1,/g)].some(([, quote, given = '']) =>
    quote === '`' ? given.split(/\$\{[^}]*\}/).some((part) => part.includes(name)) : given === name,
  )

const THREATS = 20

describe('the threat model', () => {
  test('names for each threat tests that are there, and says what remains', async () => {
    const [, ...sections] = (await read('docs/threat-model.md')).split(/^## /m)
    assert.ok(sections.length >= THREATS, `${sections.length} threats`)
    for (const section of sections) {
      const [title] = section.split('\n')
      const shown = /\*\*Shown by\*\*(.*)/.exec(section)?.[1] ?? ''
      const named = namedIn(shown)
      assert.ok(named.length > 0, `“${title}” names no test`)
      // Every path stands with names, in the form that is read here.
      assert.equal(new Set(named.map(({ path }) => path)).size, shown.match(/\.test\.ts/g)?.length, title)
      assert.match(section, /\*\*What remains:\*\* \S/, `“${title}” says nothing of what remains`)
      for (const { path, name } of named)
        assert.ok(isTest(await read(path), name), `${path} has no test “${name}”`)
    }
  })

  test('the risk assessment answers every mitigation of RFC 10027, and names tests that are there', async () => {
    const text = await read('docs/risk-assessment.md')
    const rows = text.split('\n').filter((line) => /^\| \d+ \|/.test(line))
    const mitigations = rows.map((row) => row.split('|')[2]?.trim())
    assert.deepEqual(mitigations, MITIGATIONS)
    for (const { path, name } of namedIn(text))
      assert.ok(isTest(await read(path), name), `${path} has no test “${name}”`)
  })

  test('a test that is not there is missed', async () => {
    const file = await read('test/spec/threats.test.ts')
    assert.ok(isTest(file, 'a test that is not there is missed'))
    assert.ok(!isTest(file, 'a test that was there once'))
  })
})

/** In the order of the table “Practical Mitigation Summary” of RFC 10027. */
const MITIGATIONS = [
  'Establish proximity',
  'Short-lived codes',
  'One-time or limited use codes',
  'Unique codes',
  'Content filtering',
  'Detect and remediate',
  'Trusted devices',
  'Trusted networks',
  'Limited scopes',
  'Short-lived tokens',
  'Rate limits',
  'Sender-constrained tokens',
  'User education',
  'User experience',
  'Authenticate-then-initiate',
  'Request initiation verification',
  'Request binding with out-of-band data',
]
