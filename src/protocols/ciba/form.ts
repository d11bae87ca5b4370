import type { FastifyRequest } from 'fastify'
import { invalidRequest } from './errors.ts'

/** The parameters of a call: form fields, or the claims of a signed request. */
export interface Parameters {
  /** A parameter without a value is as if it were not there (RFC 6749 §3.1). */
  get(name: string): string | undefined
  /** Those that may come more than once (RFC 8707 §2). */
  resources: string[]
  names(): string[]
}

/**
 * Reads the form of a call.
 *
 * @throws CibaRefusal `invalid_request` when a parameter comes twice (RFC 6749 §3.2), or holds a NUL
 */
export function readForm(http: FastifyRequest): Parameters {
  const fields = new Map<string, string>()
  const resources: string[] = []
  for (const [name, value] of new URLSearchParams(typeof http.body === 'string' ? http.body : '')) {
    if (name === 'resource' && value !== '') resources.push(value)
    else if (fields.has(name)) throw invalidRequest('A parameter was sent twice.')
    if (value.includes('\0')) throw invalidRequest('A parameter holds a NUL character.')
    fields.set(name, value)
  }
  return {
    resources,
    get: (name) => fields.get(name) || undefined,
    names: () => [...fields.keys()],
  }
}
