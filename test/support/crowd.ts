import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type Person, startPerson } from './person.ts'
import { ADMIN_KEY, basic, type RequestStatus } from './server.ts'

interface App {
  client_id: string
  client_secret: string
  signing_secret: string
}

/** A person and an app that asks them. */
export interface Account {
  app: App
  person: Person
}

/** What servers have answered with 200, and so have promised. */
export interface Promised {
  asked: Map<string, App>
  approved: Set<string>
  rejected: Set<string>
}

export async function addAccount(
  origin: string,
  handle: string,
  notifierUrl: string,
  form: { phone?: string } = {},
): Promise<Account> {
  const user = await admin<{ user_id: string; enrolment_url: string }>(origin, '/v1/admin/users', {
    handle,
    ...form,
  })
  const app = await admin<App>(origin, '/v1/admin/clients', {
    kind: 'individual',
    user_id: user.user_id,
    name: `App of ${handle}`,
    notifier_url: notifierUrl,
  })
  return { app, person: await startPerson(origin, user.user_id, user.enrolment_url) }
}

async function admin<T>(origin: string, path: string, body: unknown): Promise<T> {
  const answer = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()) as T
}

export async function ask(origin: string, { client_id, client_secret }: App): Promise<string> {
  const answer = await fetch(`${origin}/v3/login/auth/token/request/${client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret }),
  })
  if (answer.status === UNAVAILABLE) throw new TurnedAway()
  assert.equal(answer.status, 200, await answer.clone().text())
  return (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
}

export async function statusOf(origin: string, app: App, id: string): Promise<RequestStatus> {
  const answer = await fetch(`${origin}/v1/requests/${id}`, { headers: basic(app) })
  assert.equal(answer.status, 200, `${id}: ${await answer.clone().text()}`)
  return (await answer.json()) as RequestStatus
}

/** Longest rest between two requests of one app: short enough that something is always under way, long enough that servers start. */
const REST_MS = 1_000
const RETRY_MS = 100

/** People and apps at work: each asks and decides, over and over, by whatever server is there. */
export function startCrowd(origin: string, accounts: readonly Account[], random: () => number) {
  const promised: Promised = { asked: new Map(), approved: new Set(), rejected: new Set() }
  /** Answers that should not be. */
  const surprises: string[] = []
  const life = new AbortController()
  const loops = accounts.map((account) => useAll(account))

  async function useAll({ app, person }: Account) {
    let wasReject = false
    while (!life.signal.aborted) {
      const id = await persist(() => ask(origin, app))
      if (!id) break
      promised.asked.set(id, app)
      // Who is rejected twice in a row may not ask for a quarter of an hour.
      const isReject: boolean = !wasReject && random() < 0.15
      wasReject = isReject
      const status = await persist(() => decide(person, id, isReject))
      if (status === 200) (isReject ? promised.rejected : promised.approved).add(id)
      // 409: the decision was taken by a server that was killed before it could say so.
      else if (status !== undefined && status !== 409) surprises.push(`deciding ${id} was answered ${status}`)
      await pause(random() * REST_MS)
    }
  }

  /** Tries again while nobody answers. An answer that should not be is no reason to. */
  async function persist<T>(call: () => Promise<T>): Promise<T | undefined> {
    while (!life.signal.aborted) {
      try {
        return await call()
      } catch (fault) {
        // A call that finds no server, or whose connection breaks, is a TypeError of fetch.
        if (!(fault instanceof TypeError || fault instanceof TurnedAway)) {
          surprises.push(String(fault))
          return undefined
        }
        await pause(RETRY_MS)
      }
    }
    return undefined
  }

  return {
    promised,
    surprises,
    /** Waits for an approval more: a server that is stopped before it has done anything shows nothing. */
    async approvesOneMore(limitMs = 3_000) {
      const before = promised.approved.size
      const giveUpAt = performance.now() + limitMs
      while (promised.approved.size === before && performance.now() < giveUpAt) await pause(10)
    },
    async goHome() {
      life.abort()
      await Promise.all(loops)
    },
  }
}

export type Crowd = ReturnType<typeof startCrowd>

async function decide(person: Person, id: string, isReject: boolean): Promise<number> {
  const answer = isReject ? await person.reject(id) : await approve(person, id)
  if (answer.status === UNAVAILABLE) throw new TurnedAway()
  return answer.status
}

async function approve(person: Person, id: string): Promise<Response> {
  const review = await person.call('POST', `/v1/me/requests/${id}/review`, {})
  if (review.status !== 200) return review
  const { options } = (await review.json()) as { options: Record<string, unknown> }
  return person.approveWith(id, person.passkey.assert(options))
}

/** A server that is stopping says so. */
const UNAVAILABLE = 503

class TurnedAway extends Error {
  override readonly name = 'TurnedAway'
}
