import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import type { RefusalCode } from '#base/errors.ts'
import type { Server } from '#http/server.ts'
import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { type Answers, createAnswers, type Json, ref } from './answers.ts'
import { type Access, type Operation, operations, type TagName, tags } from './operations.ts'
import { type ShapeName, shapes } from './shapes.ts'

interface Drawn {
  summary?: string
  parameters?: { name: string; in: string; description?: string }[]
  requestBody?: Json
  responses?: Json
}
export interface ApiDocument extends Json {
  paths: Record<string, Record<string, Json>>
}

/** Why the document cannot be made; a sentence for whoever changed a route. */
export class Undescribed extends Error {
  override readonly name = 'Undescribed'
}

const PACKAGE = new URL('../../package.json', import.meta.url)

/**
 * Makes the OpenAPI document: addresses, parameters and request bodies from the routes of a server that was started for
 * it, all else from the table of operations.
 *
 * @throws Undescribed when a route is not in the table, or the table names one that is not served
 */
export async function makeDocument(): Promise<ApiDocument> {
  const { paths } = await drawRoutes()
  const { version } = JSON.parse(await readFile(PACKAGE, 'utf8')) as { version: string }
  const served = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, drawn]) => ({ path, method, drawn, name: nameOf(method, path) })),
  )
  const missing = served.filter(({ name }) => !operations[name]).map(({ name }) => name)
  const gone = Object.keys(operations).filter((name) => !served.some((each) => each.name === name))
  if (missing.length > 0 || gone.length > 0) {
    throw new Undescribed(
      [
        ...missing.map((name) => `“${name}” is served, but docs/api/operations.ts does not describe it.`),
        ...gone.map((name) => `docs/api/operations.ts describes “${name}”, but it is not served.`),
      ].join('\n'),
    )
  }

  const answers = createAnswers()
  const described: ApiDocument['paths'] = {}
  for (const [name, operation] of Object.entries(operations)) {
    const found = served.find((each) => each.name === name)
    if (!found) continue
    described[found.path] = {
      ...described[found.path],
      [found.method]: describe(answers, name, operation, found.drawn),
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      version,
      summary: 'Ask for an access token by API; its user approves with a passkey.',
      description:
        'What is under `/v2` and `/v3` is Upstox’s API and keeps to it. Tags say which of the rest is for everybody, and which is for our own pages alone.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that serves this document' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths: described,
    webhooks: {
      access_token: webhook(
        'Take a token',
        'TokenDelivery',
        'After an approval, and again until it is taken.',
      ),
      check: webhook(
        'Answer a check',
        'NotifierCheck',
        'Before the first token: whether the endpoint is there. By the rule `challenge` the answer holds the challenge.',
      ),
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(shapes).map(([name, schema]) => [name, toJson(schema, schema)]),
      ),
      responses: answers.shared,
      securitySchemes,
    },
  }
}

/** Starts a whole server on a store of its own, with all that can be switched on, and notes the routes as they are added. */
async function drawRoutes(): Promise<{ paths: Record<string, Record<string, Drawn>> }> {
  const data = await mkdtemp(join(tmpdir(), 'countersign-'))
  let server: Server | undefined
  const config = readConfig({
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_DATA: data,
    COUNTERSIGN_OIDC_ISSUER: 'https://login.example.com',
    COUNTERSIGN_OIDC_CLIENT_ID: 'none',
    COUNTERSIGN_OIDC_CLIENT_SECRET: 'none',
    COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: '1',
    COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'none',
    COUNTERSIGN_WHATSAPP_APP_SECRET: 'none',
    COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: 'none',
  })
  const silent = { info() {}, warn() {}, error() {} }
  try {
    const app = await startApp({
      config,
      log: silent,
      pages: join(data, 'no-pages'),
      async watchRoutes(routes) {
        server = routes
        await routes.register(swagger, { openapi: { openapi: '3.1.0' } })
      },
    })
    try {
      return (server as unknown as { swagger(): Awaited<ReturnType<typeof drawRoutes>> }).swagger()
    } finally {
      await app.stop()
    }
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

const nameOf = (method: string, path: string) => `${method.toUpperCase()} ${path}`

/** Any of these opens it. */
const CREDENTIALS: Record<Access, readonly (keyof typeof securitySchemes)[]> = {
  anyone: [],
  secret: [],
  client: ['client', 'clientJwt', 'clientCertificate'],
  token: ['accessToken'],
  user: ['session'],
  admin: ['adminKey'],
  metrics: ['metricsKey'],
  meta: [],
}
const securitySchemes = {
  client: { type: 'http', scheme: 'basic', description: 'Id and secret of the client.' },
  clientJwt: {
    type: 'http',
    scheme: 'bearer',
    description:
      'Of a client of `private_key_jwt`: a JWT of RFC 7523. In a form it is a parameter instead, `client_assertion`.',
  },
  clientCertificate: {
    type: 'mutualTLS',
    description:
      'Of a client that has registered a certificate: at the mTLS address, with `client_id` as a parameter of the form, or of the query where there is no form.',
  },
  accessToken: { type: 'http', scheme: 'bearer', description: 'An access token that was delivered.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-session',
    description:
      'The session of a signed-in user. Calls that change something also need our own `origin` header.',
  },
  adminKey: { type: 'http', scheme: 'bearer', description: 'The admin key of the operator.' },
  metricsKey: { type: 'http', scheme: 'bearer', description: 'The key for metrics alone, or the admin key.' },
}

const ACCESS_REFUSALS: Record<Access, readonly RefusalCode[]> = {
  anyone: [],
  secret: [],
  client: ['client_credentials_wrong'],
  token: [],
  user: ['not_signed_in'],
  admin: ['admin_key_wrong', 'not_operator'],
  metrics: ['metrics_key_wrong'],
  meta: [],
}

/** What we POST to a Notifier Webhook Endpoint. */
const webhook = (summary: string, shape: ShapeName, description: string): Json => ({
  post: {
    operationId: `webhook${shape}`,
    summary,
    description,
    tags: ['Token requests' satisfies TagName],
    security: [],
    parameters: Object.entries(SIGNATURE).map(([name, about]) => ({
      name,
      in: 'header',
      required: true,
      description: about,
      schema: { type: 'string' },
    })),
    requestBody: { required: true, content: { 'application/json': { schema: ref(shape) } } },
    responses: {
      '2XX': { description: 'Taken, whatever the body is.' },
      default: { description: 'Not taken; it comes again.' },
    },
  },
})

/** Standard Webhooks 1.0.0 */
const SIGNATURE = {
  'webhook-id': 'The same over all attempts of one delivery',
  'webhook-timestamp': 'Seconds since 1970 at this attempt',
  'webhook-signature': '`v1,…` (HMAC-SHA256) or `v1a,…` (Ed25519); several apart by spaces',
}

function describe(answers: Answers, name: string, operation: Operation, drawn: Drawn): Json {
  const [method = '', path = ''] = name.split(' ')
  const { summary, about, tag, access, body, parameters: abouts = {} } = operation
  const credentials = CREDENTIALS[access]
  const isChange = method !== 'GET'
  const parameters = drawn.parameters?.map((each) => ({
    ...(clean(each) as Json),
    description: abouts[each.name] ?? (each.name === 'id' ? `Id of the ${thing(tag)}` : undefined),
  }))
  const requestBody = body ? bodyOf(body) : drawn.requestBody && (clean(drawn.requestBody) as Json)
  const refusals = new Set<RefusalCode>([
    ...ACCESS_REFUSALS[access],
    ...(access === 'user' && isChange ? (['cross_origin'] as const) : []),
    ...(parameters || requestBody ? (['input_invalid'] as const) : []),
    ...(operation.refusals ?? []),
  ])
  return {
    operationId: operationId(method, path),
    summary,
    ...(about ? { description: about } : {}),
    tags: [tag satisfies TagName],
    security: credentials.map((each) => ({ [each]: [] })),
    ...(parameters ? { parameters } : {}),
    ...(requestBody ? { requestBody } : {}),
    responses: {
      ...answers.done(operation),
      ...noesOf(answers, operation, [...refusals]),
    },
  }
}

function noesOf(answers: Answers, { upstox, oauth }: Operation, refusals: RefusalCode[]): Json {
  if (upstox) return answers.upstoxErrors(upstox)
  return oauth ? answers.oauthErrors(oauth) : answers.problems(refusals)
}

const thing = (tag: TagName) => (tag === 'My apps' || tag === 'Operator' ? 'app' : 'item')

function bodyOf({ type, properties }: NonNullable<Operation['body']>): Json {
  const entries = Object.entries(properties)
  return {
    required: true,
    content: {
      [type]: {
        schema: {
          type: 'object',
          required: entries.filter(([, [, isNeeded]]) => isNeeded).map(([name]) => name),
          properties: Object.fromEntries(
            entries.map(([name, [description]]) => [name, { type: 'string', description }]),
          ),
        },
      },
    },
  }
}

/** `getV1MeRequestsById`: stable as long as method and path are. */
const operationId = (method: string, path: string) =>
  method.toLowerCase() +
  path
    .replace(/\{(\w+)\}/g, 'by_$1')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')

const names = new Map<unknown, ShapeName>(
  Object.entries(shapes).map(([name, schema]) => [schema, name as ShapeName]),
)

/** A schema as JSON, in which the shapes that have a name are named. */
function toJson(schema: unknown, top?: unknown): unknown {
  const name = names.get(schema)
  if (name && schema !== top) return ref(name)
  if (Array.isArray(schema)) return schema.map((each) => toJson(each))
  if (typeof schema !== 'object' || schema === null) return schema
  return clean(Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, toJson(value)])))
}

/** Alternatives of fixed words as one list of words, which every reader of OpenAPI draws well. */
function clean(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(clean)
  if (typeof schema !== 'object' || schema === null) return schema
  const { anyOf } = schema as { anyOf?: { const?: unknown; enum?: unknown[] }[] }
  if (anyOf?.every((each) => 'const' in each || each.enum?.length === 1)) {
    const { anyOf: _, ...rest } = schema as Json
    return { ...rest, type: 'string', enum: anyOf.map((each) => each.const ?? each.enum?.[0]) }
  }
  if ('enum' in schema && !('type' in schema)) return { type: 'string', ...schema }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, clean(value)]))
}
