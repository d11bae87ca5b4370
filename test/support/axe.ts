import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'

declare global {
  interface Window {
    axe?: typeof axe
  }
}

/** Rules of WCAG 2.2 up to level AA, and what axe holds to be good practice. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const source = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/**
 * Fails when axe finds something on the page as it stands that keeps a person out. It sees about a third of what there
 * is to see, so it stands beside the keyboard and the eye, not in their place.
 *
 * @param what which page in which state, for the message
 */
export const accessible = (page: Page, what: string): Promise<void> =>
  judge(page, what, { type: 'tag', values: TAGS })

/** The same on light and on dark paper, of which the second differs in its colours alone. */
export async function accessibleOnAnyPaper(page: Page, what: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' })
  await accessible(page, `${what}, light`)
  await page.emulateMedia({ colorScheme: 'dark' })
  await judge(page, `${what}, dark`, { type: 'rule', values: ['color-contrast'] })
}

async function judge(page: Page, what: string, runOnly: axe.RunOnly) {
  // To read axe takes a page far longer than to run it, so each document reads it once.
  if (!(await page.evaluate(() => window.axe !== undefined))) await page.evaluate(source)
  const found = await page.evaluate(async (runOnly) => {
    const results = await window.axe?.run({ runOnly, resultTypes: ['violations'] })
    return results?.violations.map(({ id, help, nodes }) => ({
      rule: id,
      help,
      where: nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`),
    }))
  }, runOnly)
  assert.deepEqual(found, [], what)
}
