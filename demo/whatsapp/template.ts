/** A message template as Meta has approved it: fixed words with numbered places, and buttons in order. */
export interface Template {
  name: string
  language: string
  /** What Meta says of it; approved if nothing else is said. Only what is approved is sent. */
  status?: 'APPROVED' | 'PENDING' | 'REJECTED' | 'PAUSED' | 'DISABLED'
  category?: 'UTILITY' | 'MARKETING' | 'AUTHENTICATION'
  quality?: 'GREEN' | 'YELLOW' | 'RED' | 'UNKNOWN'
  /** With `{{1}}`, `{{2}}` … */
  body: string
  buttons: readonly (
    | { kind: 'quick_reply'; text: string }
    | { kind: 'url'; text: string /** With `{{1}}`. */; url: string }
  )[]
}

/** The template that Countersign sends. @param origin where its pages are, for instance `https://sign.example.com` */
export const accessRequestTemplate = (
  origin: string,
  name = 'access_request_v1',
  language = 'en',
): Template => ({
  name,
  language,
  body: 'The app {{1}} asks for access to your account, reference {{2}}. Nothing is given unless you approve. If you do not know it, reject it.',
  buttons: [
    { kind: 'quick_reply', text: 'Reject' },
    { kind: 'url', text: 'Review', url: `${origin}/{{1}}` },
  ],
})

/** The template for news of an account: what happens, and when. */
export const accountNewsTemplate = (name = 'account_news_v1', language = 'en'): Template => ({
  name,
  language,
  body: 'News of your account: {{1}}. Time: {{2}}. If this was not you, sign in and look.',
  buttons: [],
})

export type Button =
  | { kind: 'quick_reply'; text: string; payload: string }
  | { kind: 'url'; text: string; url: string }

/** A refusal as Meta words it (https://developers.facebook.com/docs/graph-api/guides/error-handling). */
export class GraphError extends Error {
  override readonly name = 'GraphError'
  readonly status: number
  readonly code: number
  readonly details: string

  constructor(status: number, code: number, details: string) {
    super(`(#${code}) ${details}`)
    this.status = status
    this.code = code
    this.details = details
  }
}

export interface Filled {
  /** A phone number, or the id of somebody who hides theirs. */
  to: string
  /** Undefined for free words. */
  template: string | undefined
  language: string | undefined
  parameters: string[]
  text: string
  buttons: Button[]
  callbackData: string | undefined
}

/**
 * Checks a message for its form and against the approved templates, as strictly as Meta does, and fills it in.
 *
 * @param isOpen whether somebody wrote to us in the last 24 hours, so that free words may go to them
 * @throws GraphError
 */
export function fillMessage(
  message: unknown,
  templates: readonly Template[],
  isOpen: (to: string) => boolean,
): Filled {
  const { messaging_product, recipient_type, to, recipient, type, template, text, biz_opaque_callback_data } =
    shape(
      message,
      'message',
      ['messaging_product', 'type'],
      ['to', 'recipient', 'recipient_type', 'template', 'text', 'biz_opaque_callback_data'],
    )
  if (messaging_product !== 'whatsapp') throw invalid('messaging_product must be whatsapp')
  if (recipient_type !== undefined && recipient_type !== 'individual')
    throw invalid('recipient_type must be individual')
  const whom = readRecipient(to, recipient)
  const callbackData = biz_opaque_callback_data
  if (callbackData !== undefined && (typeof callbackData !== 'string' || callbackData.length > 512)) {
    throw invalid('biz_opaque_callback_data must be a text of at most 512 characters')
  }
  if (type === 'text') {
    if (template !== undefined) throw invalid('Unexpected key "template" on param "message"')
    const words = readWords(text)
    if (!isOpen(whom)) {
      throw new GraphError(
        400,
        131047,
        'Message failed to send because more than 24 hours have passed since the customer last replied to this number.',
      )
    }
    return { ...FREE, to: whom, text: words, callbackData }
  }
  if (type !== 'template') throw invalid('type must be text or template')
  if (text !== undefined) throw invalid('Unexpected key "text" on param "message"')

  const { name, language, components } = shape(template, 'template', ['name', 'language', 'components'])
  const { code } = shape(language, 'language', ['code'])
  const approved = templates.find((each) => each.name === name && each.language === code)
  if (!approved)
    throw new GraphError(404, 132001, `template name (${String(name)}) does not exist in ${String(code)}`)
  const { status = 'APPROVED' } = approved
  if (status === 'PAUSED') throw new GraphError(400, 132015, 'Template is paused')
  if (status === 'DISABLED') throw new GraphError(400, 132016, 'Template is disabled')
  if (status !== 'APPROVED')
    throw new GraphError(404, 132001, `template name (${String(name)}) is not approved in ${String(code)}`)
  if (!Array.isArray(components)) throw invalid('components must be an array')

  const parameters = readBody(components, approved)
  const filled = fillIn(approved.body, parameters)
  if (filled.length > 1024) throw new GraphError(400, 132005, 'Translated text too long')
  return {
    to: whom,
    template: approved.name,
    language: approved.language,
    parameters,
    text: filled,
    buttons: readButtons(components, approved),
    callbackData,
  }
}

const FREE = { template: undefined, language: undefined, parameters: [], buttons: [] }

/** With both, the number counts. */
function readRecipient(to: unknown, recipient: unknown): string {
  if (to !== undefined) {
    if (typeof to === 'string' && /^\+?[1-9]\d{6,14}$/.test(to)) return to.replace('+', '')
    throw new GraphError(400, 131009, 'Parameter value is not valid: to')
  }
  if (recipient === undefined) throw invalid('The parameter to is required.')
  if (typeof recipient === 'string' && /^[A-Z]{2}\.[0-9A-Za-z]{1,128}$/.test(recipient)) return recipient
  throw new GraphError(400, 131009, 'Parameter value is not valid: recipient')
}

function readWords(text: unknown): string {
  const { body, preview_url } = shape(text, 'text', ['body'], ['preview_url'])
  if (typeof body !== 'string' || body === '' || body.length > 4_096)
    throw invalid('text.body has 1 to 4096 characters')
  if (preview_url !== undefined && typeof preview_url !== 'boolean')
    throw invalid('text.preview_url must be a boolean')
  return body
}

function readBody(components: unknown[], approved: Template): string[] {
  const bodies = components.filter(
    (each) => typeof each === 'object' && each !== null && 'type' in each && each.type === 'body',
  )
  const { parameters = [] } = bodies.length === 1 ? shape(bodies[0], 'body', ['type', 'parameters']) : {}
  const wanted = new Set(approved.body.match(/\{\{\d+\}\}/g)).size
  if (!Array.isArray(parameters) || parameters.length !== wanted || bodies.length > 1) {
    const sent = Array.isArray(parameters) ? parameters.length : 0
    throw new GraphError(
      400,
      132000,
      `body: number of localizable_params (${sent}) does not match the expected number of params (${wanted})`,
    )
  }
  return parameters.map(readText)
}

function readButtons(components: unknown[], approved: Template): Button[] {
  const given = components
    .filter((each) => !(typeof each === 'object' && each !== null && 'type' in each && each.type === 'body'))
    .map((each) => shape(each, 'component', ['type', 'sub_type', 'index', 'parameters']))
  for (const { type, index } of given) {
    if (type !== 'button') throw invalid('a component must be a body or a button')
    if (!approved.buttons[Number(index)])
      throw new GraphError(400, 132000, `buttons: no button has index ${String(index)}`)
  }
  if (new Set(given.map(({ index }) => String(index))).size !== given.length)
    throw invalid('a button comes twice')

  return approved.buttons.map((button, i) => {
    const component = given.find(({ index }) => String(index) === String(i))
    if (!component) throw new GraphError(400, 131008, `Required parameter is missing: button at index ${i}`)
    const { sub_type, parameters } = component
    if (sub_type !== button.kind)
      throw new GraphError(400, 132012, `button at index ${i} is of type ${button.kind}`)
    if (!Array.isArray(parameters) || parameters.length !== 1) {
      throw new GraphError(400, 132000, `button at index ${i} takes 1 parameter`)
    }
    if (button.kind === 'url') return { ...button, url: fillIn(button.url, [readText(parameters[0])]) }
    const { type, payload } = shape(parameters[0], 'parameter', ['type', 'payload'])
    if (type !== 'payload') throw new GraphError(400, 132012, `button at index ${i} takes a payload`)
    if (typeof payload !== 'string' || payload === '' || payload.length > 256)
      throw invalid('payload has 1 to 256 characters')
    return { ...button, payload }
  })
}

function readText(parameter: unknown): string {
  const { type, text } = shape(parameter, 'parameter', ['type', 'text'])
  if (type !== 'text')
    throw new GraphError(400, 132012, 'Parameter format does not match format in the created template')
  if (typeof text !== 'string' || text === '')
    throw new GraphError(400, 131008, 'Parameter of type text is missing text value')
  if (/[\n\r\t]| {5,}/.test(text)) {
    throw new GraphError(
      400,
      132018,
      'Param text cannot have new-line/tab characters or more than 4 consecutive spaces',
    )
  }
  return text
}

const fillIn = (text: string, parameters: string[]) =>
  text.replace(/\{\{(\d+)\}\}/g, (_, number: string) => parameters[Number(number) - 1] ?? '')

/** An object with these keys and no others. */
function shape<Key extends string, Other extends string = never>(
  value: unknown,
  name: string,
  keys: Key[],
  others: Other[] = [],
): Record<Key | Other, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${name} must be an object`)
  const missing = keys.find((key) => !(key in value))
  if (missing) throw invalid(`The parameter ${missing} is required.`)
  const strange = Object.keys(value).find((key) => !([...keys, ...others] as string[]).includes(key))
  if (strange) throw invalid(`Unexpected key "${strange}" on param "${name}"`)
  return value as Record<Key | Other, unknown>
}

export const invalid = (details: string) => new GraphError(400, 100, details)
