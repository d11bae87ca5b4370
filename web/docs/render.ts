import MarkdownIt from 'markdown-it'
import { drawStates } from './states.ts'

export interface Section {
  id: string
  title: string
  /** Depth of its heading: 1 to 6. */
  depth: number
  text: string
}

export interface Rendered {
  html: string
  sections: Section[]
  /** Every address that the page links to, as it is served. */
  links: string[]
  /** Files of the repository, from its root, that are named by a link, which can be opened only there, or shown. */
  files: string[]
}

const LANGUAGES: Record<string, string> = { sh: 'curl', js: 'JavaScript', py: 'Python' }

/**
 * Turns a document into HTML without any inline script or style.
 *
 * @param name of the page, from which relative links lead
 * @param pictures where each picture of the documents is served, by its path below `docs/`
 */
export function renderPage(
  name: string,
  markdown: string,
  pictures: ReadonlyMap<string, string> = new Map(),
): Rendered {
  const md = new MarkdownIt({ html: false, linkify: true })
  const tokens = md.parse(markdown, {})
  const sections: Section[] = []
  const links: string[] = []
  const files: string[] = []
  const ids = new Map<string, number>()

  tokens.forEach((token, i) => {
    if (token.type === 'heading_open') {
      const title = plainText(tokens[i + 1]?.children ?? [])
      const id = freeId(ids, title)
      token.attrSet('id', id)
      sections.push({ id, title, depth: Number(token.tag.slice(1)), text: '' })
    } else if (token.type === 'inline') {
      const section = sections.at(-1)
      const isHeading = tokens[i - 1]?.type === 'heading_open'
      if (section && !isHeading) section.text += `${plainText(token.children ?? [])} `
      let isFile = false
      for (const child of token.children ?? []) {
        if (child.type === 'image') {
          const { pathname } = pathFrom(name, String(child.attrGet('src')))
          files.push(pathname.slice(1))
          child.attrSet('src', pictures.get(pathname.replace('/docs/', '')) ?? pathname)
          child.attrSet('loading', 'lazy')
        }
        if (child.type === 'link_open') {
          const href = String(child.attrGet('href'))
          isFile = leavesDocs(name, href)
          if (isFile) files.push(pathFrom(name, href).pathname.slice(1))
          else links.push(addressFrom(name, href))
          if (!isFile) child.attrSet('href', addressFrom(name, href))
          else child.attrs = null
        }
        if (isFile && /^link_/.test(child.type)) child.tag = 'span'
      }
    } else if (token.type === 'fence' || token.type === 'code_block') {
      const section = sections.at(-1)
      if (section) section.text += `${token.content} `
    }
    // The one style that Markdown knows, the alignment of a column, is a class.
    if (token.attrGet('style')) {
      const isEnd = String(token.attrGet('style')).includes('right')
      token.attrs = (token.attrs ?? []).filter(([key]) => key !== 'style')
      if (isEnd) token.attrJoin('class', 'end')
    }
  })

  const { escapeHtml } = md.utils
  md.renderer.rules.fence = (all, i) => {
    const token = all[i]
    if (!token) return ''
    const [language = ''] = token.info.split(' ')
    if (language === 'states') return drawStates(token.content)
    const label = LANGUAGES[language]
    const code = `<pre tabindex="0"><code>${escapeHtml(token.content.replace(/\n$/, ''))}</code></pre>`
    return label
      ? `<div class="code" data-language="${label}"><p class="language">${label}</p>${code}</div>\n`
      : `<div class="code">${code}</div>\n`
  }
  md.renderer.rules.code_block = md.renderer.rules.fence
  md.renderer.rules.table_open = () =>
    '<div class="table" tabindex="0" role="group" aria-label="Table"><table>\n'
  md.renderer.rules.table_close = () => '</table></div>\n'
  // A heading cell without words would be a heading of nothing.
  md.renderer.rules.th_open = (all, i) => (all[i + 1]?.content ? '<th scope="col">' : '<td>')
  md.renderer.rules.th_close = (all, i) => (all[i - 1]?.content ? '</th>' : '</td>')
  return { html: md.renderer.render(tokens, md.options, {}), sections, links, files }
}

/** A link as the repository has it (`webhooks.md#x`), as it is served. */
function addressFrom(name: string, href: string): string {
  if (isWhole(href)) return href
  const { pathname, hash } = pathFrom(name, href)
  return `${pathname
    .replace(/\/index\.md$/, '')
    .replace(/\.md$/, '')
    .toLowerCase()}${hash}`
}

const isWhole = (href: string) => /^[a-z]+:|^#|^\//.test(href)
const leavesDocs = (name: string, href: string) =>
  !isWhole(href) && !pathFrom(name, href).pathname.startsWith('/docs/')

/** Where a relative link of a document leads, from the root of the repository. */
const pathFrom = (name: string, href: string) => new URL(href, `http://repository/docs/${name}`)

const plainText = (children: { type: string; content: string }[]): string =>
  children.map(({ type, content }) => (type === 'softbreak' ? ' ' : content)).join('')

/** As GitHub makes them, so that a link to a section works in both places. */
function freeId(ids: Map<string, number>, title: string): string {
  const id = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
  const nth = ids.get(id) ?? 0
  ids.set(id, nth + 1)
  return nth === 0 ? id : `${id}-${nth}`
}
