import { SIGNATURE } from '../ui/signature-path.ts'
import { addressOf, type Page } from './page.ts'
import type { Rendered } from './render.ts'

interface FrameOptions {
  page: Page
  pages: Page[]
  rendered: Rendered
  script: string
  style: string
  icon: string
  index: string
}

/** A whole page: contents, the document, and a line to the people who run the server. */
export function framePage({ page, pages, rendered, script, style, icon, index }: FrameOptions): string {
  const at = pages.indexOf(page)
  const [before, after] = [pages[at - 1], pages[at + 1]]
  const markdown = `${addressOf(page)}.md`
  const title = page.name === 'index' ? 'Countersign: documents' : `${page.title} · Countersign`
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${text(title)}</title>
    <meta name="description" content="${text(summaryOf(rendered))}">
    <link rel="icon" type="image/svg+xml" href="${icon}">
    <link rel="alternate" type="text/markdown" href="${markdown}">
    <link rel="stylesheet" href="${style}">
    <script type="module" src="${script}"></script>
  </head>
  <body data-index="${index}">
    <a class="skip" href="#document">Skip to the document</a>
    <header class="top">
      <a class="home" href="/docs"><span class="wordmark">Countersign<svg class="signature" viewBox="0 0 160 28" aria-hidden="true" focusable="false"><path d="${SIGNATURE}"/></svg></span> <span class="what">Documents</span></a>
      <search class="search" hidden></search>
      <a class="to-contents" href="#contents">All pages</a>
    </header>
    <div class="columns">
      <main id="document" tabindex="-1">
        <article>
${rendered.html.replace('</h1>\n', (end) => `${end}${onThisPage(rendered)}`)}        </article>
        <nav class="next" aria-label="Next pages">
          ${before ? `<a rel="prev" href="${addressOf(before)}">← ${text(before.title)}</a>` : '<span></span>'}
          ${after ? `<a rel="next" href="${addressOf(after)}">${text(after.title)} →</a>` : ''}
        </nav>
        <p class="quiet"><a href="${markdown}">This page as Markdown</a></p>
        <section class="feedback" aria-labelledby="feedback" hidden>
          <h2 id="feedback">Tell us what is missing</h2>
        </section>
      </main>
      <nav class="contents" id="contents" aria-label="All pages" tabindex="-1">
${contents(pages, page)}
      </nav>
    </div>
  </body>
</html>
`
}

function contents(pages: Page[], current: Page): string {
  return [...Map.groupBy(pages, ({ group }) => group)]
    .map(([group, some]) => {
      const items = some.map((each) => {
        const here = each === current ? ' aria-current="page"' : ''
        return `<li><a href="${addressOf(each)}"${here}>${text(each.title)}</a></li>`
      })
      return `<h2>${text(group)}</h2>\n<ul>\n${items.join('\n')}\n</ul>`
    })
    .join('\n')
}

function onThisPage({ sections }: Rendered): string {
  const some = sections.filter(({ depth }) => depth === 2)
  if (some.length < 4) return ''
  const items = some.map(({ id, title }) => `<li><a href="#${id}">${text(title)}</a></li>`)
  return `<details class="on-this-page"><summary>On this page</summary><ul>${items.join('')}</ul></details>\n`
}

/** The first sentences, for a list of search results. */
const summaryOf = ({ sections }: Rendered): string =>
  (sections[0]?.text ?? '').replace(/\s+/g, ' ').trim().slice(0, 155)

const text = (given: string) =>
  given
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('`', '')
