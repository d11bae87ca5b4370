import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import type { Plugin, Rolldown } from 'vite'
import { en } from './en.ts'
import { isFirst } from './first.ts'
import { keysIn } from './used.ts'

const OWN = /\/web\/(?!dist\/|locales\/|docs\/)[^?]*\.tsx?$/
const ENTRY = /\/web\/approve\/main\.tsx$/

/**
 * A language is one file; what is sent of it is two: the texts of the first load, and the rest. A text that no page
 * names, or that the first load names and does not have, fails the build.
 */
export const splitTexts = (): Plugin => ({
  name: 'countersign-texts',
  enforce: 'pre',
  async load(id) {
    const [, path, part] = /^(.*\/locales\/\w+\.ts)\?(first|rest)$/.exec(id) ?? []
    if (!path) return undefined
    this.addWatchFile(path)
    const { default: texts } = await import(pathToFileURL(path).href)
    const wanted = Object.entries(texts).filter(([key]) => isFirst(key) === (part === 'first'))
    return { code: `export default ${JSON.stringify(Object.fromEntries(wanted))}`, moduleType: 'js' }
  },
  async generateBundle() {
    const faults = await faultsOf(this, Object.keys(en))
    if (faults.length > 0) this.error(`The texts of the pages are not in order.\n${faults.join('\n')}`)
  },
})

async function faultsOf(graph: Rolldown.PluginContext, keys: string[]): Promise<string[]> {
  const ids = [...graph.getModuleIds()]
  const own = ids.filter((id) => OWN.test(id))
  const first = reachedFrom(graph, ids.find((id) => ENTRY.test(id)) ?? '')
  const used = new Set<string>()
  const faults: string[] = []
  for (const id of own) {
    const named = keysIn(await readFile(id, 'utf8'), keys)
    for (const key of named) used.add(key)
    const late = first.has(id) ? named.filter((key) => !isFirst(key)) : []
    for (const key of late)
      faults.push(`${id}: the first load names “${key}”; put its area into web/locales/first.ts`)
  }
  return [...faults, ...keys.filter((key) => !used.has(key)).map((key) => `No page names “${key}”.`)]
}

/** What an entry imports outright, and so comes with the first load. */
function reachedFrom(graph: Rolldown.PluginContext, entry: string): Set<string> {
  const reached = new Set<string>()
  const waiting = [entry]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (reached.has(id)) continue
    reached.add(id)
    waiting.push(...(graph.getModuleInfo(id)?.importedIds ?? []))
  }
  return reached
}
