import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'

/** Nothing is wider than the window, and no text is cut off; light and dark paper have the same measures. */
export async function fits(page: Page, what: string) {
  const before = page.viewportSize()
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    const found = await page.evaluate(() => {
      const cut = [...document.querySelectorAll<HTMLElement>('main *, header *')]
        .filter(
          (each) =>
            !each.closest('.unseen, input, select, textarea, svg') && each.getClientRects().length > 0,
        )
        .filter((each) => {
          const { left, right } = each.getBoundingClientRect()
          const isClipping = getComputedStyle(each).overflowX !== 'visible'
          return right > innerWidth + 1 || left < -1 || (isClipping && each.scrollWidth > each.clientWidth)
        })
      return {
        over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        cut: cut.map((each) => `${each.tagName} ${each.className} ${each.textContent}`),
      }
    })
    assert.deepEqual(found, { over: 0, cut: [] }, `${what} at ${width} px`)
  }
  if (before) await page.setViewportSize(before)
}
