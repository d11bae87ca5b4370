import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'

/** A body says what it means; all else of a call is text, from which numbers are read. */
const bodies = new Ajv({ useDefaults: true })
const texts = new Ajv({ useDefaults: true, coerceTypes: true })

/**
 * Judges calls by the schemas of their routes. A schema is compiled at the first call that needs it: most processes, a
 * command or a node that only delivers, never need most of them, and all together take longer than the rest of a start.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let check: ValidateFunction | undefined
  return (value: unknown) => {
    check ??= (httpPart === 'body' ? bodies : texts).compile(schema)
    return check(value) ? { value } : { error: check.errors as never }
  }
}
