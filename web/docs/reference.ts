type Json = Record<string, unknown>
interface Schema {
  $ref?: string
  type?: string
  description?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  maxLength?: number
  minimum?: number
  maximum?: number
}
interface Content {
  content?: Record<string, { schema: Schema }>
}
interface Operation {
  summary: string
  description?: string
  tags: string[]
  security: Json[]
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[]
  requestBody?: Content
  responses: Record<
    string,
    Content & { $ref?: string; description: string; headers?: Record<string, Schema> }
  >
}
interface Document {
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  webhooks: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Document['paths'][string][string]['responses'] }
}

const WHO: Record<string, string> = {
  client: 'the app: HTTP Basic, its id and secret',
  accessToken: 'who holds the token: `authorization: Bearer …`',
  session: 'a user who is signed in on our pages',
  adminKey: 'the operator: `authorization: Bearer` and the admin key',
}

/** One page for each tag of the API document, as Markdown. */
export function referencePages(document: Document): { name: string; title: string; markdown: string }[] {
  return document.tags.map(({ name, description }) => {
    const isHere = ({ tags }: Operation) => tags.includes(name)
    const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => isHere(operation))
        .map(([method, operation]) => wordOperation(document, `${method.toUpperCase()} ${path}`, operation)),
    )
    const hooks = Object.values(document.webhooks)
      .flatMap((methods) => Object.values(methods))
      .filter(isHere)
      .map((operation) => wordOperation(document, 'POST your Notifier Webhook Endpoint', operation))
    const title = `API: ${name}`
    return {
      name: `api-${name.toLowerCase().replaceAll(' ', '-')}`,
      title,
      markdown: `${[`# ${title}`, description, ALL, ...calls, ...hooks].join('\n\n')}\n`,
    }
  })
}

const ALL =
  'Times are epoch milliseconds. The same for programs: [openapi.json](/openapi.json) (OpenAPI 3.1).'

function wordOperation(document: Document, address: string, operation: Operation): string {
  const { summary, description, security, parameters = [], requestBody, responses } = operation
  const [credential] = Object.keys(security[0] ?? {})
  const body = Object.entries(requestBody?.content ?? {})[0]
  const parts = [
    `## ${summary}`,
    `\`\`\`\n${address}\n\`\`\``,
    description,
    credential && `Called by ${WHO[credential] ?? credential}.`,
    parameters.length > 0 &&
      table(
        'Parameter',
        parameters.map(({ name, in: place, required, description = '', schema }) => ({
          name,
          type: `${typeOf(document, schema)}, in the ${place}${required ? '' : ', optional'}`,
          description,
        })),
      ),
    body && `Body, \`${body[0]}\`:`,
    body && table('Field', fieldsOf(document, body[1].schema)),
    ...Object.entries(responses).map(([status, given]) => wordAnswer(document, status, given)),
  ]
  return parts.filter(Boolean).join('\n\n')
}

function wordAnswer(document: Document, status: string, given: Operation['responses'][string]): string {
  const answer = given.$ref ? (document.components.responses[lastWord(given.$ref)] ?? given) : given
  const [type, { schema }] = Object.entries(answer.content ?? {})[0] ?? ['', { schema: {} as Schema }]
  const isNo = status === 'default' || Number(status) >= 400
  const name = schema.$ref ? lastWord(schema.$ref) : undefined
  const line = `**${status === 'default' ? 'Else' : status}** ${answer.description}`
  if (isNo || !type) return line
  const fields = fieldsOf(document, schema)
  return fields.length > 0 ? `${line}\n\n${table(name ?? 'Field', fields)}` : `${line} \`${type}\``
}

interface Field {
  name: string
  type: string
  description: string
}

/** Every field with its way down: `data.notifier_url`, `timeline[].at`. */
function fieldsOf(document: Document, schema: Schema, way = ''): Field[] {
  const whole = resolve(document, schema)
  const inner = whole.anyOf?.map((each) => resolve(document, each)).find((each) => each.properties) ?? whole
  const list = inner.type === 'array' && inner.items ? resolve(document, inner.items) : undefined
  if (list) return fieldsOf(document, list, `${way}[]`)
  return Object.entries(inner.properties ?? {}).flatMap(([key, each]) => {
    const name = way ? `${way}.${key}` : key
    const isNeeded = inner.required?.includes(key)
    const type = `${typeOf(document, each)}${isNeeded ? '' : ', optional'}`
    const deeper = fieldsOf(document, each, name)
    return [{ name, type, description: descriptionOf(document, each) }, ...deeper]
  })
}

const resolve = ({ components }: Document, schema: Schema): Schema =>
  schema.$ref ? (components.schemas[lastWord(schema.$ref)] ?? schema) : schema

const descriptionOf = (document: Document, schema: Schema): string =>
  resolve(document, schema).description ??
  schema.anyOf?.map((each) => resolve(document, each).description).find(Boolean) ??
  ''

function typeOf(document: Document, schema: Schema): string {
  const whole = resolve(document, schema)
  if (whole.anyOf) return whole.anyOf.map((each) => typeOf(document, each)).join(' or ')
  if (whole.enum) return whole.enum.map((each) => `\`${each}\``).join(', ')
  if (whole.const !== undefined) return `\`${whole.const}\``
  if (whole.type === 'array') return `list of ${whole.items ? typeOf(document, whole.items) : 'anything'}`
  const bounds = whole.maxLength
    ? ` of at most ${whole.maxLength} characters`
    : whole.maximum === undefined
      ? ''
      : ` from ${whole.minimum ?? 0} to ${whole.maximum}`
  return `${whole.type ?? 'anything'}${bounds}`
}

const lastWord = (address: string) => address.slice(address.lastIndexOf('/') + 1)

const table = (head: string, fields: Field[]): string =>
  [
    `| ${head} | Type | |`,
    '|---|---|---|',
    ...fields.map(({ name, type, description }) => `| \`${name}\` | ${cell(type)} | ${cell(description)} |`),
  ].join('\n')

const cell = (text: string) => text.replaceAll('|', '\\|')
