import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from './until.ts'

// An OTLP receiver over HTTP that is as strict as the protocol lets it be: opentelemetry-proto (trace.proto,
// common.proto, resource.proto) in JSON Protobuf encoding (OTLP 1.x, "JSON Protobuf Encoding"). Anything that is no
// field of a message, or not of its type, is refused.

/** A span as it arrived. */
export interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId: string
  name: string
  kind: number
  startNano: bigint
  endNano: bigint
  attributes: Record<string, unknown>
  isError: boolean
}

type Json = Record<string, unknown>
type Check = (value: unknown, at: string) => void

export async function startOtlpReceiver() {
  const spans: OtlpSpan[] = []
  const faults: string[] = []
  const headers: Record<string, unknown>[] = []
  const services = new Set<unknown>()
  const server = createServer(async (http, response) => {
    const parts: Buffer[] = []
    for await (const part of http) parts.push(part)
    headers.push(http.headers)
    try {
      assert.deepEqual([http.method, http.url], ['POST', '/v1/traces'])
      assert.equal(http.headers['content-type'], 'application/json')
      const request = JSON.parse(Buffer.concat(parts).toString('utf8')) as Json
      message(EXPORT_REQUEST)(request, 'request')
      for (const resource of request.resourceSpans as Json[]) {
        services.add(attributesOf(resource.resource as Json)['service.name'])
        for (const scope of resource.scopeSpans as Json[])
          for (const span of scope.spans as Json[]) spans.push(readSpan(span))
      }
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    } catch (fault) {
      faults.push(String(fault))
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"code":3,"message":"refused"}')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    faults,
    headers,
    services,
    /** Waits until so many spans have come. */
    received: (count: number) => until(() => spans.length >= count || faults.length > 0, 15_000),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const text: Check = (value, at) => assert.equal(typeof value, 'string', at)
const bool: Check = (value, at) => assert.equal(typeof value, 'boolean', at)
const uint32: Check = (value, at) =>
  assert.ok(Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32, at)
/** 64-bit integers are decimal strings; a decoder takes numbers too. */
const int64: Check = (value, at) => assert.match(String(value), /^-?\d{1,19}$/, at)
const fixed64: Check = (value, at) => assert.ok(typeof value === 'string' && /^\d{1,20}$/.test(value), at)
const double: Check = (value, at) => assert.equal(typeof value, 'number', at)
/** Trace and span ids are hex, not base64, and not all zeros. */
const id =
  (bytes: number): Check =>
  (value, at) =>
    assert.ok(
      typeof value === 'string' && new RegExp(`^[0-9a-f]{${bytes * 2}}$`).test(value) && !/^0+$/.test(value),
      `${at}: ${value}`,
    )
const parentId: Check = (value, at) => (value === '' ? undefined : id(8)(value, at))
const enumOf =
  (most: number): Check =>
  (value, at) =>
    assert.ok(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most, `${at}: ${value}`)
const many =
  (check: Check): Check =>
  (value, at) => {
    assert.ok(Array.isArray(value), at)
    for (const [i, each] of value.entries()) check(each, `${at}[${i}]`)
  }
function message(fields: Record<string, Check>): Check {
  return (value, at) => {
    assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), at)
    for (const [name, each] of Object.entries(value)) {
      const check = fields[name]
      assert.ok(check, `${at}.${name} is no field`)
      check(each, `${at}.${name}`)
    }
  }
}

const anyValue: Check = (value, at) => {
  const kinds = Object.keys(value as Json)
  assert.equal(kinds.length, 1, `${at} has one value`)
  message({ stringValue: text, boolValue: bool, intValue: int64, doubleValue: double })(value, at)
}
const ATTRIBUTES = many(message({ key: text, value: anyValue }))
const DROPPED = { droppedAttributesCount: uint32 }
const SPAN = {
  traceId: id(16),
  spanId: id(8),
  parentSpanId: parentId,
  traceState: text,
  flags: uint32,
  name: text,
  kind: enumOf(5),
  startTimeUnixNano: fixed64,
  endTimeUnixNano: fixed64,
  attributes: ATTRIBUTES,
  ...DROPPED,
  events: many(message({ timeUnixNano: fixed64, name: text, attributes: ATTRIBUTES, ...DROPPED })),
  droppedEventsCount: uint32,
  links: many(
    message({
      traceId: id(16),
      spanId: id(8),
      traceState: text,
      attributes: ATTRIBUTES,
      ...DROPPED,
      flags: uint32,
    }),
  ),
  droppedLinksCount: uint32,
  status: message({ message: text, code: enumOf(2) }),
}
const SCOPE = message({ name: text, version: text, attributes: ATTRIBUTES, ...DROPPED })
const EXPORT_REQUEST = {
  resourceSpans: many(
    message({
      resource: message({ attributes: ATTRIBUTES, ...DROPPED, entityRefs: many(() => {}) }),
      scopeSpans: many(message({ scope: SCOPE, spans: many(message(SPAN)), schemaUrl: text })),
      schemaUrl: text,
    }),
  ),
}

function readSpan(span: Json): OtlpSpan {
  for (const needed of ['traceId', 'spanId', 'name', 'startTimeUnixNano', 'endTimeUnixNano'])
    assert.ok(span[needed], needed)
  const [startNano, endNano] = [BigInt(String(span.startTimeUnixNano)), BigInt(String(span.endTimeUnixNano))]
  assert.ok(endNano >= startNano)
  return {
    traceId: String(span.traceId),
    spanId: String(span.spanId),
    parentSpanId: String(span.parentSpanId ?? ''),
    name: String(span.name),
    kind: Number(span.kind),
    startNano,
    endNano,
    attributes: attributesOf(span),
    isError: (span.status as { code?: number } | undefined)?.code === 2,
  }
}

const attributesOf = ({ attributes }: Json): Json =>
  Object.fromEntries(
    ((attributes ?? []) as { key: string; value: Json }[]).map(({ key, value }) => [
      key,
      Object.values(value)[0],
    ]),
  )
