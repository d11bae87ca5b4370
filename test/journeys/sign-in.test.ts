import { test } from 'node:test'
import { accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { startOidcProvider } from '../support/oidc-provider.ts'
import { startServer } from '../support/server.ts'
import { headed } from './stage.ts'

const browser = await startBrowser()

test('a user signs in at the operator’s own provider and makes a first passkey', async () => {
  await using oidc = await startOidcProvider([
    { sub: 'a', preferred_username: 'asha' },
    { sub: 'b', preferred_username: 'nobody' },
  ])
  await using server = await startServer({ env: oidc.env })
  oidc.connect(server.origin)
  await server.addUser({ handle: 'asha', name: 'Asha Rao' })
  await using device = await browser.newDevice(server.origin, { alsoVisits: [oidc.issuer] })
  const { page } = device
  oidc.signInAs('b')
  await device.open('/sign-in')
  await page.getByRole('button', { name: /^Sign in at 127/ }).click()
  await page.getByText('There is no account here for you yet.').waitFor()
  await accessibleOnAnyPaper(page, 'sign-in refused')

  await page.context().clearCookies()
  oidc.signInAs('a')
  await page.getByRole('button', { name: /^Sign in at 127/ }).click()
  await headed(page, 'Security')
  await page
    .getByRole('button', { name: /passkey/i })
    .first()
    .click()
  await page.locator('.card').first().waitFor()
  await device.open('/')
  await headed(page, 'Inbox')
})
