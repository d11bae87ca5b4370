import { createPasskey, type SoftwarePasskey } from './passkey.ts'

/** Enrols by the one-time link, with a software passkey, and is signed in from then on. */
export async function startPerson(origin: string, userId: string, enrolmentUrl: string) {
  const passkey = createPasskey(origin)
  const session = startSession(origin)
  const token = new URL(enrolmentUrl).hash.slice(1)
  const { options } = await session.must<Options>('POST', '/v1/enrolment/options', { token })
  await session.must('POST', '/v1/enrolment', {
    token,
    credential: passkey.register(options),
    label: 'Test passkey',
  })
  return { userId, passkey, ...decisions(session, passkey) }
}

interface Options {
  options: Record<string, unknown>
}

export interface Review extends Options {
  approval: string
  nonce: string
}

/** Signs in on another device with the same passkey. */
export async function signIn(origin: string, passkey: SoftwarePasskey) {
  const session = startSession(origin)
  const { options } = await session.must<Options>('POST', '/v1/session/options', {})
  await session.must('POST', '/v1/session', { credential: passkey.assert(options) })
  return decisions(session, passkey)
}

/** Calls as a page of ours does: same origin, JSON, with the session cookie. */
export function startSession(origin: string) {
  let cookie = ''
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: {
        ...(method === 'GET' ? {} : { origin }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(cookie ? { cookie } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const set = answer.headers.get('set-cookie')
    if (set) cookie = set.split(';')[0] ?? ''
    return answer
  }
  return {
    call,
    cookie: () => cookie,
    /** Throws unless it is answered with 2xx. */
    async must<T>(method: string, path: string, body?: unknown): Promise<T> {
      const answer = await call(method, path, body)
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
      return (answer.status === 204 ? undefined : await answer.json()) as T
    },
  }
}

function decisions(session: ReturnType<typeof startSession>, passkey: SoftwarePasskey) {
  const review = (id: string, withheld: number[] = []) =>
    session.must<Review>('POST', `/v1/me/requests/${id}/review`, { withheld })
  const approveWith = (id: string, credential: unknown) =>
    session.call('POST', `/v1/me/requests/${id}/approve`, { credential })
  return {
    ...session,
    review,
    approveWith,
    approve: async (id: string, withheld: number[] = []) =>
      approveWith(id, passkey.assert((await review(id, withheld)).options)),
    /** Changes an app, and confirms by passkey what has to be. */
    async editApp<T>(id: string, form: Record<string, unknown>): Promise<T> {
      const { options } = await session.must<{ options: Record<string, unknown> | null }>(
        'POST',
        `/v1/me/apps/${id}/confirm`,
        form,
      )
      const credential = options ? { credential: passkey.assert(options) } : {}
      return session.must('PATCH', `/v1/me/apps/${id}`, { ...form, ...credential })
    },
    reject: (id: string) => session.call('POST', `/v1/me/requests/${id}/reject`, {}),
  }
}

export type Person = Awaited<ReturnType<typeof startPerson>>
