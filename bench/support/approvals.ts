import type { Pool } from 'undici'
import { type Person, type Review, startPerson } from '../../test/support/person.ts'
import type { startReceiver } from '../../test/support/receiver.ts'
import { inParallel } from './drive.ts'
import type { BenchServer } from './server.ts'

/** Calls at a time that lay something up. */
const AT_ONCE = 8

/** A request that was asked and read, so that all that is left to do is to approve. */
export interface Waiting extends Review {
  id: string
}

export async function addPerson(server: BenchServer, handle = 'bench'): Promise<Person> {
  const user = await server.admin<{ user_id: string; enrolment_url: string }>('/v1/admin/users', {
    handle,
  })
  return startPerson(server.origin, user.user_id, user.enrolment_url)
}

export interface AppClient {
  client_id: string
  client_secret: string
}

export async function addPeople(server: BenchServer, count: number): Promise<Person[]> {
  const people: Person[] = []
  while (people.length < count) people.push(await addPerson(server, `bench-${people.length}`))
  return people
}

/** So many apps of this person. */
export async function addClients(server: BenchServer, person: Person, notifierUrl: string, count: number) {
  const clients: AppClient[] = []
  await inParallel(AT_ONCE, Array.from({ length: count }), async () => {
    const client = await server.admin<AppClient>('/v1/admin/clients', {
      kind: 'individual',
      user_id: person.userId,
      name: 'Northwind Research',
      notifier_url: notifierUrl,
    })
    clients.push(client)
  })
  return clients
}

/** Asks for a token, and answers the id of the request. */
export async function askFor(server: BenchServer, client: AppClient): Promise<string> {
  const answer = await fetch(`${server.address}/v3/login/auth/token/request/${client.client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret: client.client_secret }),
  })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`ask: ${answer.status} ${text}`)
  return answer.headers.get('location')?.replace('/v1/requests/', '') ?? ''
}

/** Each by a client of its own, asked and read, so that all that is left to do is to approve. */
export async function prepareRequests(
  server: BenchServer,
  person: Person,
  notifierUrl: string,
  count: number,
) {
  const waiting: Waiting[] = []
  const clients = await addClients(server, person, notifierUrl, count)
  await inParallel(AT_ONCE, clients, async (client) => {
    const id = await askFor(server, client)
    waiting.push({ id, ...(await person.review(id)) })
  })
  return waiting
}

type Receiver = Awaited<ReturnType<typeof startReceiver>>

interface Stage {
  server: BenchServer
  /** Connections to it. */
  pages: Pool
  person: Person
  receiver: Receiver
}

/** Approves, and tells how long its POST took to come: from the call, and from its answer, in milliseconds. */
export async function approveAndReceive({ receiver, ...stage }: Stage, id: string, credential: unknown) {
  const before = receiver.posts.length
  const { from, answeredAt } = await approveNow(stage, id, credential)
  const receivedAt = await timeOfPost(receiver, before)
  return { all: receivedAt - from, afterAnswer: receivedAt - answeredAt }
}

/** Approves, and tells when that was called and when it was answered. */
export async function approveNow(
  { server, pages, person }: Omit<Stage, 'receiver'>,
  id: string,
  credential: unknown,
) {
  const from = performance.now()
  const call = pages.request({
    method: 'POST',
    path: `/v1/me/requests/${id}/approve`,
    headers: { 'content-type': 'application/json', origin: server.origin, cookie: person.cookie() },
    body: JSON.stringify({ credential }),
  })
  const answeredAt = call.then(() => performance.now())
  const answer = await call
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`approve: ${answer.statusCode} ${text}`)
  return { from, answeredAt: await answeredAt }
}

/** The least that telling an endpoint can take: a POST of the same size with nothing around it, in milliseconds. */
export async function postAlone(direct: Pool, receiver: Receiver, body: Buffer) {
  const before = receiver.posts.length
  const from = performance.now()
  const headers = { 'content-type': 'application/json' }
  const answer = await direct.request({ method: 'POST', path: '/token', headers, body })
  await answer.body.dump()
  return (await timeOfPost(receiver, before)) - from
}

async function timeOfPost(receiver: Receiver, before: number) {
  const posts = await receiver.received(before + 1)
  return posts[before]?.at ?? Number.NaN
}
