import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type Json } from '#base/json.ts'
import { entryLine } from './entry.ts'

test('an entry is spelled as RFC 8785 spells it, whatever is in it', () => {
  const text = fc.option(fc.string({ unit: 'grapheme' }), { nil: null })
  const event = fc.record({
    seq: fc.nat(),
    at: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    kind: fc.string(),
    actor: fc.string(),
    actorId: text,
    requestId: text,
    userId: text,
    clientId: text,
    detail: text,
    address: text,
  })
  fc.assert(
    fc.property(event, (each) => {
      const line = entryLine(each)
      assert.equal(line, canonicalJson(JSON.parse(line) as Json))
      const { actorId, requestId, userId, clientId, ...same } = each
      assert.deepEqual(JSON.parse(line), {
        ...same,
        actor_id: actorId,
        request_id: requestId,
        user_id: userId,
        client_id: clientId,
      })
    }),
  )
})
