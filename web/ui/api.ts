import type { Problem } from '../../src/api/contract.ts'
import { syncClock } from './clock.ts'
import { t } from './text.ts'

/** A no of the server; its message is the sentence for people. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

export const get = <T>(path: string) => call<T>('GET', path)
export const post = <T>(path: string, body: object = {}) => call<T>('POST', path, body)
export const put = <T>(path: string, body: object) => call<T>('PUT', path, body)
export const patch = <T>(path: string, body: object) => call<T>('PATCH', path, body)
export const remove = (path: string) => call<void>('DELETE', path)
/** The same, for what is named by the body alone. */
export const removeWith = (path: string, body: object) => call<void>('DELETE', path, body)

/** The same call may well be answered in a moment: the network was away, or the server was starting. */
export const isPassing = (error: unknown) => !(error instanceof ApiProblem) || error.problem.status >= 500

const early = new Map<string, { answer: Promise<unknown>; data?: unknown }>()

/** Keeps what the first page will ask for, asked while its code is still on the way. */
export function keepEarly(path: string, answer: Promise<unknown>) {
  const kept: { answer: Promise<unknown>; data?: unknown } = { answer }
  early.set(path, kept)
  answer.then(
    (data) => {
      kept.data = data
    },
    () => {},
  )
}

/** Resolves once what was asked early is there, or has failed. */
export const arrived = (path: string): Promise<unknown> =>
  early.get(path)?.answer.catch(() => {}) ?? Promise.resolve()

/** What was asked early and is there by now, once: a page that has it draws itself once, and not first without it. */
export function inHand<T>(path: string): T | undefined {
  const data = early.get(path)?.data as T | undefined
  if (data !== undefined) early.delete(path)
  return data
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const kept = early.get(path)?.answer as Promise<T> | undefined
  early.delete(path)
  // It is taken once. If it was a no, the page asks again and hears it in its own language.
  if (kept) return kept.catch(() => call<T>(method, path, body))
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    ...(body && contentOf(body)),
  }).catch((cause) => {
    throw new Error(t('error.unreachable'), { cause })
  })
  syncClock(response.headers.get('date'))
  if (response.status === 401 && !isDoor(path)) {
    // A new document: nothing that was read for the last user stays in memory, and what waits here never comes.
    location.replace(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`)
    return new Promise(() => {})
  }
  if (!response.ok) throw new ApiProblem(await problemOf(response))
  return response.status === 204 ? (undefined as T) : response.json()
}

/** A file goes as it is, all else as JSON. */
const contentOf = (body: object) =>
  body instanceof Blob
    ? { headers: { 'content-type': body.type }, body }
    : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }

/** A 401 of these means a wrong passkey or link, not that a session is missing. */
const isDoor = (path: string) => /^\/v1\/(session|enrolment|recovery)\b/.test(path)

/** A proxy in front of the server may answer with something else than a problem. */
async function problemOf(response: Response): Promise<Problem> {
  const body: Partial<Problem> = await response.json().catch(() => ({}))
  const { status } = response
  return { type: 'about:blank', title: '', code: 'unknown', detail: t('error.server'), ...body, status }
}
