import type { FastifyRequest } from 'fastify'

/** The `traceparent` of a call, unread; one that came twice is none (W3C Trace Context §3.2). */
export function traceOf({ headers }: FastifyRequest): string | undefined {
  const { traceparent } = headers
  return typeof traceparent === 'string' ? traceparent : undefined
}
