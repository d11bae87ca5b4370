import type { Type as TypeBox } from 'typebox'

const optional = new WeakSet<object>()

type Options = Record<string, unknown>

/**
 * Makes JSON schemas by the words of TypeBox and with its types, so that the type of a body follows from its schema.
 * TypeBox itself is 370 modules, a quarter of what a start loads, and nothing of it but this is needed while we run.
 */
export const Type = {
  String: (options?: Options) => ({ type: 'string', ...options }),
  Integer: (options?: Options) => ({ type: 'integer', ...options }),
  Boolean: (options?: Options) => ({ type: 'boolean', ...options }),
  Null: (options?: Options) => ({ type: 'null', ...options }),
  Unknown: (options?: Options) => ({ ...options }),
  Literal: (value: unknown, options?: Options) => ({ type: typeof value, const: value, ...options }),
  Enum: (values: unknown[], options?: Options) => ({ enum: values, ...options }),
  Union: (anyOf: object[], options?: Options) => ({ anyOf, ...options }),
  Array: (items: object, options?: Options) => ({ type: 'array', items, ...options }),
  Record: (_names: object, values: object, options?: Options) => ({
    type: 'object',
    patternProperties: { '^.*$': values },
    ...options,
  }),
  Optional(schema: object) {
    const copy = { ...schema }
    optional.add(copy)
    return copy
  },
  Object(properties: Record<string, object>, options?: Options) {
    const required = Object.keys(properties).filter((name) => !optional.has(properties[name] ?? {}))
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options }
  },
} as unknown as Pick<typeof TypeBox, Words>

type Words =
  | 'String'
  | 'Integer'
  | 'Boolean'
  | 'Null'
  | 'Unknown'
  | 'Literal'
  | 'Enum'
  | 'Union'
  | 'Array'
  | 'Record'
  | 'Optional'
  | 'Object'
