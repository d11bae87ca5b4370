import assert from 'node:assert/strict'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'

/** Rules of WCAG 2.2 up to level AA, and what axe holds to be good practice. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * Fails when axe finds something on the page as it stands that keeps a person out. It sees about a third of what there
 * is to see, so it stands beside the keyboard and the eye, not in their place.
 *
 * @param what which page in which state, for the message
 */
export const accessible = (page: Page, what: string): Promise<void> =>
  judge(page, what, (axe) => axe.withTags(TAGS))

async function judge(page: Page, what: string, choose: (axe: AxeBuilder) => AxeBuilder) {
  // All in this very document: axe would otherwise open a page of its own to put frames together, and we have none.
  const { violations } = await choose(new AxeBuilder({ page }).setLegacyMode(true)).analyze()
  const found = violations.map(({ id, help, nodes }) => ({
    rule: id,
    help,
    where: nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary}`),
  }))
  assert.deepEqual(found, [], what)
}

/** The same on light and on dark paper, of which the second differs in its colours alone. */
export async function accessibleOnAnyPaper(page: Page, what: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' })
  await accessible(page, `${what}, light`)
  await page.emulateMedia({ colorScheme: 'dark' })
  await judge(page, `${what}, dark`, (axe) => axe.withRules(['color-contrast']))
}
