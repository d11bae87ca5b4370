import { readdir, readFile } from 'node:fs/promises'
import { referencePages } from './reference.ts'

/** One document, as it is served: `/docs/NAME`, and its text at `/docs/NAME.md`. */
export interface Page {
  /** Address below `/docs/`; `index` is `/docs` itself. */
  name: string
  title: string
  group: string
  markdown: string
}

/** Order of the contents. A document that is named nowhere stands in the last group, so that it is never lost. */
const GROUPS: Record<string, readonly string[]> = {
  'Start here': [
    'index',
    'receive-a-token',
    'approval-for-ai-agents',
    'set-up-an-app',
    'run-it',
    'coming-from-upstox',
  ],
  'For who asks': [
    'samples',
    'test-mode',
    'listen',
    'verify-a-webhook',
    'webhooks',
    'upstox',
    'linking',
    'ciba',
  ],
  'For who runs it': [
    'install',
    'configuration',
    'postgres',
    'operating',
    'sign-in',
    'sealing',
    'audit',
    'whatsapp',
    'web-push',
    'feedback',
    'performance',
    'scaling',
  ],
  'How it works': [
    'architecture',
    'states',
    'telling',
    'evidence',
    'threat-model',
    'risk-assessment',
    'stability',
    'webhooks-requirements',
    'conformance',
    'telling-requirements',
    'soak',
  ],
  More: [],
}
const API = 'API reference'
const DECISIONS = 'Choices, and why'

const DOCS = new URL('../../docs/', import.meta.url)

/** Reads all documents, in the order of the contents. */
export async function readPages(): Promise<Page[]> {
  const written = await readFolder('')
  const decided = (await readFolder('decisions/')).map((page) => ({ ...page, group: DECISIONS }))
  const document = JSON.parse(await readFile(new URL('openapi.json', DOCS), 'utf8'))
  const reference = referencePages(document).map((page) => ({ ...page, group: API }))

  const grouped = written.map((page) => ({
    ...page,
    group: Object.keys(GROUPS).find((group) => GROUPS[group]?.includes(page.name)) ?? 'More',
  }))
  const place = ({ name, group }: Page) => {
    const at = GROUPS[group]?.indexOf(name) ?? -1
    return Object.keys(GROUPS).indexOf(group) * 100 + (at < 0 ? 99 : at)
  }
  const ordered = grouped.toSorted((a, b) => place(a) - place(b) || a.name.localeCompare(b.name))
  return [...ordered, ...reference, ...decided]
}

async function readFolder(folder: string): Promise<Omit<Page, 'group'>[]> {
  const names = (await readdir(new URL(folder, DOCS))).filter((name) => name.endsWith('.md')).sort()
  return Promise.all(
    names.map(async (file) => {
      const markdown = await readFile(new URL(folder + file, DOCS), 'utf8')
      const name = folder + file.slice(0, -'.md'.length).toLowerCase()
      return { name, title: /^# (.+)$/m.exec(markdown)?.[1] ?? name, markdown }
    }),
  )
}

export const addressOf = ({ name }: Pick<Page, 'name'>) => (name === 'index' ? '/docs' : `/docs/${name}`)
