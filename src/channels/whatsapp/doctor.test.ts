import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whatsappAdvice } from './doctor.ts'

test('the advice for a channel that is off names every setting', () => {
  const advice = whatsappAdvice(undefined)
  for (const name of [
    'API',
    'API_VERSION',
    'PHONE_NUMBER_ID',
    'ACCESS_TOKEN',
    'APP_SECRET',
    'VERIFY_TOKEN',
    'TEMPLATE',
    'TEMPLATE_LANGUAGE',
  ]) {
    assert.match(advice, new RegExp(`COUNTERSIGN_WHATSAPP_${name}\\b`))
  }
})

test('the advice for a channel that is on holds no secret', () => {
  const advice = whatsappAdvice({
    apiUrl: 'https://graph.facebook.com',
    apiVersion: 'v23.0',
    phoneNumberId: '106540352242922',
    accessToken: 'secret-1',
    appSecret: 'secret-2',
    verifyToken: 'secret-3',
    templateName: 'access_request_v1',
    templateLanguage: 'en',
    messagesPerSecond: 80,
  })
  assert.match(advice, /106540352242922/)
  assert.doesNotMatch(advice, /secret-/)
})
