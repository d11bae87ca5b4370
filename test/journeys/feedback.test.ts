import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { headed, startStage } from './stage.ts'

const browser = await startBrowser()

test('who is signed in tells from the console what is missing, by their name', async () => {
  await using stage = await startStage(browser, { device: { width: 320 } })
  const { page } = stage.device
  await stage.device.open('/apps')
  await headed(page, 'My apps')
  await page.getByText('Tell us what is missing').click()
  await page.getByLabel('What did not work, or what would you like?').fill('A darker dark.')
  await accessible(page, 'the form for feedback')
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT, fullPage: true })
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByText('Thank you. It has arrived.').waitFor()
  const [kept] = await stage.server.select('select user_id, page, text from feedback')
  assert.deepEqual({ ...kept }, { user_id: stage.userId, page: '/apps', text: 'A darker dark.' })
})
