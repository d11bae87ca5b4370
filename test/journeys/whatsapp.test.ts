import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { startWhatsappApi } from '../support/whatsapp-api.ts'
import { startStage } from './stage.ts'

const browser = await startBrowser()
const PHONE = '919812345678'

test('a phone is connected by a message, paused by STOP, and connected again', async () => {
  await using whatsapp = await startWhatsappApi()
  await using stage = await startStage(browser, {
    env: {
      ...whatsapp.env,
    },
    device: { width: 320, height: 900 },
  })
  whatsapp.connect(`http://127.0.0.1:${stage.server.port}/channels/whatsapp/webhook`)
  const { page } = stage.device
  await stage.device.open('/alerts')

  await page.getByRole('button', { name: 'Use WhatsApp' }).click()
  const link = page.getByRole('link', { name: 'Open WhatsApp' })
  const text = new URL((await link.getAttribute('href')) ?? '').searchParams.get('text') ?? ''
  await page.getByText('scan this with it').click()
  await page.locator('svg.qr path').waitFor()
  await accessible(page, 'connecting a phone')

  await whatsapp.write(PHONE, text)
  await page.locator('bdi', { hasText: `+${PHONE}` }).waitFor()
  await link.waitFor({ state: 'detached' })

  await whatsapp.write(PHONE, 'STOP')
  await page.reload()
  await page.getByText('connect it again below').waitFor()
  await page.getByRole('button', { name: 'Connect WhatsApp again' }).click()
  const again = new URL((await link.getAttribute('href')) ?? '').searchParams.get('text') ?? ''
  assert.notEqual(again, text)
  await whatsapp.write(PHONE, again)
  await page.getByText('connect it again below').waitFor({ state: 'detached' })
})
