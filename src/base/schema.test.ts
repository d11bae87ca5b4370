import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type as TypeBox } from 'typebox'
import { Type } from './schema.ts'

test('a schema is the one that TypeBox itself would make', () => {
  const make = (t: typeof Type) =>
    t.Object(
      {
        name: t.String({ minLength: 1 }),
        nick: t.Optional(t.Union([t.String(), t.Null()])),
        count: t.Optional(t.Integer({ default: 3 })),
        kind: t.Union([t.Literal('a'), t.Literal(1), t.Literal(true)]),
        colour: t.Enum(['red', 'green']),
        tags: t.Array(t.Record(t.String(), t.Unknown({ description: 'Anything.' })), { maxItems: 2 }),
        none: t.Optional(t.Object({ only: t.Optional(t.Boolean()) })),
      },
      { additionalProperties: false },
    )
  assert.equal(JSON.stringify(make(Type)), JSON.stringify(make(TypeBox)))
})
