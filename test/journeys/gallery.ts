// Pictures of every state of the pages, to be looked at: `npm run gallery`, then open gallery/index.html.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { startBrowser } from '../support/browser.ts'
import { startStage } from './stage.ts'
import { type Look, TOLERATED, VISITS, WHOLE } from './states.ts'

const FOLDER = new URL('../../gallery/', import.meta.url)
const WIDTHS = [320, 1280]
const PAPERS = ['light', 'dark'] as const

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
const browser = await startBrowser()
const found = new Map<string, string[]>()

for (const locale of ['en-IN', 'hi-IN']) {
  for (const visit of VISITS) {
    test(`${visit.name}, ${locale}`, async () => {
      const device = { locale, tolerates: TOLERATED }
      await using stage = await startStage(browser, { env: WHOLE, device })
      await visit(stage, takerOf(locale), device)
      await writeFile(new URL('index.html', FOLDER), index())
    })
  }
}

/** Takes the pictures of one state, in each width on each paper. */
function takerOf(locale: string): Look {
  return async (page, what) => {
    const before = page.viewportSize()
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 720 })
      for (const colorScheme of PAPERS) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const name = `${what.replace(/\W+/g, '-')}.${locale}.${width}.${colorScheme}.png`
        await writeFile(new URL(name, FOLDER), await page.screenshot({ fullPage: true }))
        found.set(what, [...(found.get(what) ?? []), name])
      }
    }
    if (before) await page.setViewportSize(before)
  }
}

function index(): string {
  const states = [...found].map(
    ([what, names]) =>
      `<section><h2>${what}</h2><div>${names
        .map((name) => `<figure><img src="${name}" alt=""><figcaption>${name}</figcaption></figure>`)
        .join('')}</div></section>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Countersign: every state</title>
<style>body{font:16px/1.5 system-ui;margin:2rem}div{display:flex;gap:1rem;overflow-x:auto;align-items:start}
figure{margin:0}img{max-height:40rem;border:1px solid #999}figcaption{font-size:.75rem}</style>
<h1>Countersign: every state</h1>${states.join('\n')}</html>\n`
}
