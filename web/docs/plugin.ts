import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Plugin } from 'vite'
import { framePage } from './frame.ts'
import { addressOf, type Page, readPages } from './page.ts'
import { renderPage } from './render.ts'

const DOCS = new URL('../../docs/', import.meta.url)
const PAPER = new URL('./', import.meta.url)

/** Makes the documents that are served beside the pages: HTML and Markdown of each, and what programs read. */
export const documents = (): Plugin => ({
  name: 'countersign-documents',
  apply: 'build',
  async generateBundle(_options, bundle) {
    const emit = (fileName: string, source: string) => this.emitFile({ type: 'asset', fileName, source })
    const emitHashed = (name: string, source: string) =>
      `/${this.getFileName(this.emitFile({ type: 'asset', name, source }))}`

    const entry = Object.values(bundle).find((each) => each.type === 'chunk' && each.name === 'docs')
    if (entry?.type !== 'chunk') throw new Error('The script of the documents was not built.')
    const [css] = entry.viteMetadata?.importedCss ?? []
    if (!css) throw new Error('The style of the documents was not built.')
    const icon = emitHashed('icon.svg', await readFile(new URL('../ui/icon.svg', PAPER), 'utf8'))

    const pages = await readPages()
    const pictures = new Map<string, string>()
    for (const path of await readdir(DOCS, { recursive: true })) {
      if (!path.endsWith('.svg')) continue
      pictures.set(path, emitHashed(basename(path), await readFile(new URL(path, DOCS), 'utf8')))
    }
    const render = ({ name, markdown }: Page) => renderPage(name, markdown, pictures)
    const rendered = new Map(pages.map((page) => [page, render(page)]))
    const index = emitHashed(
      'docs-index.json',
      JSON.stringify(
        pages.flatMap((page) =>
          (rendered.get(page)?.sections ?? []).map(({ id, title, depth, text }) => ({
            address: depth === 1 ? addressOf(page) : `${addressOf(page)}#${id}`,
            page: page.title,
            title,
            text: text.replace(/\s+/g, ' ').trim().slice(0, 1_500),
          })),
        ),
      ),
    )
    for (const page of pages) {
      const html = framePage({
        page,
        pages,
        rendered: rendered.get(page) ?? render(page),
        script: `/${entry.fileName}`,
        style: `/${css}`,
        icon,
        index,
      })
      emit(`docs/${page.name}.html`, html)
      emit(`docs/${page.name}.md`, page.markdown)
    }
    emit('openapi.json', await readFile(new URL('openapi.json', DOCS), 'utf8'))
    emit('llms.txt', llms(pages))
    emit('llms-full.txt', pages.map(({ markdown }) => markdown.trim()).join('\n\n---\n\n'))
  },
})

/** The list of the documents in the form of llmstxt.org. */
function llms(pages: Awaited<ReturnType<typeof readPages>>): string {
  const groups = [...Map.groupBy(pages, ({ group }) => group)].map(([group, some]) =>
    [`## ${group}`, '', ...some.map((page) => `- [${page.title}](${addressOf(page)}.md)`)].join('\n'),
  )
  const head =
    '# Countersign\n\n> Ask for an access token by API; its user is told, approves with a passkey, and the token is delivered, signed and never lost.\n\nAll in one text: [llms-full.txt](/llms-full.txt). The API for programs: [openapi.json](/openapi.json).'
  return `${[head, ...groups].join('\n\n')}\n`
}
