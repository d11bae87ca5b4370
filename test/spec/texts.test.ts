import assert from 'node:assert/strict'
import { glob } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { splitTexts } from '../../web/locales/plugin.ts'

const WEB = new URL('../../web/', import.meta.url)
const { en, hi } = {
  en: (await import(new URL('locales/en.ts', WEB).href)).default as Record<string, Text>,
  hi: (await import(new URL('locales/hi.ts', WEB).href)).default as Record<string, Text>,
}
type Text = string | Record<string, string>

const formsOf = (text: Text = {}) => (typeof text === 'string' ? { other: text } : text)
const placesIn = (form = '') => [...new Set(form.match(/\{\w+\}/g))].sort()

/** What the build says of the texts, when these files are all that the pages are made of. */
async function faultsOf(paths: string[], imports: Record<string, string[]> = {}): Promise<string> {
  const { generateBundle } = splitTexts() as unknown as { generateBundle: (this: object) => Promise<void> }
  const faults: string[] = []
  await generateBundle.call({
    getModuleIds: () => paths,
    getModuleInfo: (id: string) => ({ importedIds: imports[id] ?? [] }),
    error: (fault: string) => faults.push(fault),
  })
  return faults.join('\n')
}

const sources = await Array.fromAsync(
  glob('{approve,alerts,console,links,operator,ui}/**/*.{ts,tsx}', { cwd: WEB }),
)
const all = sources.map((path) => fileURLToPath(new URL(path, WEB)))
const pathOf = (name: string) => all.find((path) => path.endsWith(name)) ?? assert.fail(name)

test('a text that no page names, and one that comes too late for the first load, stop the build', async () => {
  assert.equal(await faultsOf(all), '')
  const unnamed = await faultsOf(all.filter((path) => !path.includes('/alerts/')))
  assert.match(unnamed, /No page names “alerts\.install\.share”\./)
  const late = await faultsOf(all, { [pathOf('approve/main.tsx')]: [pathOf('alerts/alerts.tsx')] })
  assert.match(late, /alerts\.tsx: the first load names “alerts\.title”/)
})

test('every language has every text, with the same places to fill in', () => {
  assert.deepEqual(Object.keys(hi).sort(), Object.keys(en).sort())
  for (const [key, text] of Object.entries(en)) {
    const wanted = placesIn(formsOf(text).other)
    assert.deepEqual(placesIn(formsOf(hi[key]).other), wanted, key)
    for (const each of Object.values(formsOf(hi[key]))) {
      assert.notEqual(each.trim(), '', key)
      for (const place of placesIn(each)) assert.ok(wanted.includes(place), `${key}: ${place}`)
    }
  }
})
