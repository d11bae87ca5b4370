import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible, accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { approve, read, startStage } from './stage.ts'

const browser = await startBrowser()

test('axe finds nothing on the pages of deciding, on light and on dark paper', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await accessibleOnAnyPaper(page, 'empty inbox')
  const id = await stage.ask('Rebalances the portfolio')
  await page.locator('.card').waitFor()
  await accessibleOnAnyPaper(page, 'inbox')
  await read(stage.device, id)
  await page.locator('.primary[aria-disabled="false"]').waitFor()
  await accessibleOnAnyPaper(page, 'request')
  await approve(stage.device)
  await page.locator('details').click()
  await accessibleOnAnyPaper(page, 'approved')
  for (const path of ['/tokens', '/history', '/security']) {
    await open(path)
    await page.locator('.card').first().waitFor()
    await accessibleOnAnyPaper(page, path)
  }
})

test('axe does find what is wrong', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  await page.evaluate(() => {
    const image = document.createElement('img')
    document.querySelector('main')?.append(image)
  })
  await assert.rejects(accessible(page, 'an image without a text'), /image-alt/)
})
