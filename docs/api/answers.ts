import type { RefusalCode } from '#base/errors.ts'
import { statusOf } from '#http/errors.ts'
import { cibaError } from '#protocols/ciba/errors.ts'
import { upstoxError } from '#protocols/upstox/errors.ts'
import type { Operation } from './operations.ts'
import type { ShapeName } from './shapes.ts'

export type Json = Record<string, unknown>

export const ref = (name: ShapeName): Json => ({ $ref: `#/components/schemas/${name}` })

/** Words the answers of each operation. What several operations answer alike is kept once, under a name. */
export function createAnswers() {
  const shared: Record<string, Json> = {}
  const share = (name: string, answer: Json): Json => {
    shared[name] = answer
    return { $ref: `#/components/responses/${name}` }
  }

  return {
    shared,

    done({ answers, headers, summary }: Operation): Json {
      const named = Object.entries(headers ?? {}).map(([name, description]) => [
        name,
        { description, schema: { type: 'string' } },
      ])
      return byStatus(
        Object.entries(answers).map(([status, answer]) => [
          Number(status),
          {
            description: Number(status) < 300 ? `Done: ${summary.toLowerCase()}.` : 'Goes on elsewhere.',
            ...(named.length > 0 ? { headers: Object.fromEntries(named) } : {}),
            ...(answer === null ? {} : { content: contentOf(answer) }),
          },
        ]),
      )
    },

    /** The noes of one operation, by status, each with the codes it can bear. */
    problems(codes: RefusalCode[]): Json {
      const groups = [...Map.groupBy(codes, statusOf)].map(([status, group]): [number, Json] => {
        const answer = problem(group)
        return [status, group.length === 1 ? share(`refused_${group[0]}`, answer) : answer]
      })
      const fault = share('fault', {
        description:
          'A fault of ours (500); or the store is away, or more comes than can be done (503, with `retry-after`).',
        content: { 'application/problem+json': { schema: ref('Problem') } },
      })
      return { ...byStatus(groups), default: fault }
    },

    oauthErrors(noes: NonNullable<Operation['oauth']>): Json {
      const pairs = noes.map((each): readonly [number, string] => {
        if (typeof each !== 'string') return each
        const { status, body } = cibaError({ status: statusOf(each), code: each, detail: '', facts: {} })
        return [status, body.error]
      })
      const content = { 'application/json': { schema: ref('OAuthError') } }
      const fault = share('oauth_fault', {
        description: 'A fault of ours: `server_error`, `temporarily_unavailable`.',
        content,
      })
      return { ...byStatus(groupsOf(pairs, content)), default: fault }
    },

    upstoxErrors(noes: NonNullable<Operation['upstox']>): Json {
      const pairs = noes.map((each): readonly [number, string] => {
        if (typeof each !== 'string') return each
        const trouble = { status: statusOf(each), code: each, detail: '', facts: {} }
        const { status, errorCode } = upstoxError(trouble)
        return [status, errorCode]
      })
      const content = { 'application/json': { schema: ref('UpstoxError') } }
      const fault = share('upstox_fault', { description: 'A fault of ours: `UDAPI100500`.', content })
      return { ...byStatus(groupsOf(pairs, content)), default: fault }
    },
  }
}

/** Codes of one status stand together. */
const groupsOf = (pairs: (readonly [number, string])[], content: Json) =>
  [...Map.groupBy(pairs, ([status]) => status)].map(([status, group]): [number, Json] => {
    const codes = [...new Set(group.map(([, code]) => code))]
    return [status, { description: `Refused: ${codes.map(quoted).join(', ')}.`, content }]
  })

export type Answers = ReturnType<typeof createAnswers>

const quoted = (code: string) => `\`${code}\``

const byStatus = (entries: [number, Json][]): Json =>
  Object.fromEntries(entries.toSorted(([a], [b]) => a - b))

const contentOf = (answer: string): Json => {
  if (!answer.includes('/')) return { 'application/json': { schema: ref(answer as ShapeName) } }
  return { [answer]: { schema: { type: answer === 'application/json' ? 'object' : 'string' } } }
}

const problem = (codes: RefusalCode[]): Json => ({
  description: `Refused: ${codes.map(quoted).join(', ')}.`,
  content: {
    'application/problem+json': {
      schema: { allOf: [ref('Problem'), { properties: { code: { enum: codes } } }] },
    },
  },
})
