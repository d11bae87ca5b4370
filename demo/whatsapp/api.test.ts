import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startWhatsappApi } from '../../test/support/whatsapp-api.ts'

const PATH = '/v23.0/106540352242922/messages'

test('a message of the right form is taken, and answered as Meta does', async () => {
  await using stage = await startStage()
  const { status, body } = await stage.post(newMessage())
  assert.equal(status, 200)
  const [{ id }] = body.messages
  assert.match(id, /^wamid\.[\w+/=]{10,120}$/)
  assert.deepEqual(body.contacts, [{ input: '919812345678', wa_id: '919812345678' }])
})

type Part = Record<string, unknown>

const wrongForms: {
  what: string
  spoil: (message: ReturnType<typeof newMessage>) => unknown
  code: number
}[] = [
  { what: 'another product', spoil: (m) => ({ ...m, messaging_product: 'sms' }), code: 100 },
  { what: 'no product', spoil: ({ messaging_product, ...m }) => m, code: 100 },
  { what: 'a key too many', spoil: (m) => ({ ...m, scope: 'all' }), code: 100 },
  { what: 'another recipient type', spoil: (m) => ({ ...m, recipient_type: 'group' }), code: 100 },
  { what: 'a number with spaces', spoil: (m) => ({ ...m, to: '+91 98123 45678' }), code: 131009 },
  {
    what: 'free text outside the window',
    spoil: ({ template, ...m }) => ({ ...m, type: 'text', text: { body: 'Hello' } }),
    code: 131047,
  },
  {
    what: 'empty free text',
    spoil: ({ template, ...m }) => ({ ...m, type: 'text', text: { body: '' } }),
    code: 100,
  },
  { what: 'free text with a template', spoil: (m) => ({ ...m, type: 'text' }), code: 100 },
  {
    what: 'callback data that is too long',
    spoil: (m) => ({ ...m, biz_opaque_callback_data: 'x'.repeat(513) }),
    code: 100,
  },
  { what: 'an unknown template', spoil: (m) => template(m, { name: 'other' }), code: 132001 },
  {
    what: 'a language without approval',
    spoil: (m) => template(m, { language: { code: 'hi' } }),
    code: 132001,
  },
  { what: 'no components', spoil: (m) => template(m, { components: [] }), code: 132000 },
  {
    what: 'one body parameter too few',
    spoil: (m) => component(m, 0, { parameters: [text('a')] }),
    code: 132000,
  },
  {
    what: 'an empty parameter',
    spoil: (m) => component(m, 0, { parameters: [text(''), text('b')] }),
    code: 131008,
  },
  {
    what: 'a parameter of two lines',
    spoil: (m) => component(m, 0, { parameters: [text('a\nb'), text('b')] }),
    code: 132018,
  },
  {
    what: 'a parameter with a tab',
    spoil: (m) => component(m, 0, { parameters: [text('a\tb'), text('b')] }),
    code: 132018,
  },
  {
    what: 'five spaces',
    spoil: (m) => component(m, 0, { parameters: [text('a     b'), text('b')] }),
    code: 132018,
  },
  {
    what: 'a body that is too long',
    spoil: (m) => component(m, 0, { parameters: [text('a'.repeat(1_000)), text('b')] }),
    code: 132005,
  },
  {
    what: 'a payload that is too long',
    spoil: (m) => component(m, 1, { parameters: [{ type: 'payload', payload: 'x'.repeat(257) }] }),
    code: 100,
  },
  { what: 'a text for a payload', spoil: (m) => component(m, 1, { parameters: [text('x')] }), code: 100 },
  { what: 'a button of another kind', spoil: (m) => component(m, 1, { sub_type: 'url' }), code: 132012 },
  { what: 'a button that is not there', spoil: (m) => component(m, 2, { index: '7' }), code: 132000 },
  { what: 'the same button twice', spoil: (m) => component(m, 2, { index: '0' }), code: 100 },
]
for (const { what, spoil, code } of wrongForms) {
  test(`Meta does not take ${what}`, async () => {
    await using stage = await startStage()
    const { status, body } = await stage.post(spoil(newMessage()))
    assert.equal(body.error?.code, code)
    assert.ok(status >= 400 && status < 500)
    assert.deepEqual(stage.api.messages, [])
  })
}

const wrongCalls = [
  { what: 'another version', path: PATH.replace('23', '1'), headers: {}, status: 400, code: 2500 },
  { what: 'another number', path: '/v23.0/7/messages', headers: {}, status: 400, code: 100 },
  { what: 'another path', path: `${PATH}/x`, headers: {}, status: 400, code: 2500 },
  { what: 'no token', path: PATH, headers: { authorization: '' }, status: 401, code: 190 },
  { what: 'a wrong token', path: PATH, headers: { authorization: 'Bearer EAAGx' }, status: 401, code: 190 },
  {
    what: 'a body that is not JSON',
    path: PATH,
    headers: { 'content-type': 'text/plain' },
    status: 400,
    code: 100,
  },
]
for (const { what, path, headers, status, code } of wrongCalls) {
  test(`Meta does not take a call with ${what}`, async () => {
    await using stage = await startStage()
    const answer = await stage.post(newMessage(), path, headers)
    assert.deepEqual({ status: answer.status, code: answer.body.error?.code }, { status, code })
  })
}

const text = (text: string) => ({ type: 'text', text })

const newMessage = () => ({
  messaging_product: 'whatsapp',
  recipient_type: 'individual',
  to: '919812345678',
  type: 'template',
  template: {
    name: 'access_request_v1',
    language: { code: 'en' },
    components: [
      { type: 'body', parameters: [text('Northwind Research'), text('A1B2C3')] } as Part,
      {
        type: 'button',
        sub_type: 'quick_reply',
        index: '0',
        parameters: [{ type: 'payload', payload: 'r0.x' }],
      } as Part,
      { type: 'button', sub_type: 'url', index: '1', parameters: [text('r/req_1')] } as Part,
    ],
  },
})

const template = (message: ReturnType<typeof newMessage>, part: Part) => ({
  ...message,
  template: { ...message.template, ...part },
})

const component = (message: ReturnType<typeof newMessage>, index: number, part: Part) =>
  template(message, {
    components: message.template.components.map((each, i) => (i === index ? { ...each, ...part } : each)),
  })

async function startStage() {
  const api = await startWhatsappApi()
  return {
    api,
    async post(message: unknown, path = PATH, headers: Record<string, string> = {}) {
      const answer = await fetch(`${api.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${api.accessToken}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(message),
      })
      return { status: answer.status, body: await answer.json() }
    },
    [Symbol.asyncDispose]: api[Symbol.asyncDispose],
  }
}
