import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { Account, Promised } from '../support/crowd.ts'
import type { RequestStatus } from '../support/server.ts'
import { overlapping, type Post, repeated } from '../support/witness.ts'

/** What came of a run, counted. */
export interface Verdict {
  asked: number
  /** Approvals that were answered with 200. */
  approved: number
  /** Of these, taken by the receiver. */
  delivered: number
  lost: number
  /** Requests that sent, or hold, more than one token. */
  secondTokens: number
  posts: number
  /** Posts that began while another one for the same delivery was under way. */
  overlapping: number
  /** Posts that began after another one for the same delivery was answered with 2xx. */
  repeated: number
  /** Of these, such where no server was stopped between the answer and its record. */
  unexplained: number
  /** Attempts whose server was gone before they ended. */
  abandoned: number
  /** Everything that is not as it must be, in words. */
  faults: string[]
}

export interface Findings {
  promised: Promised
  accounts: readonly Account[]
  states: ReadonlyMap<string, RequestStatus>
  posts: readonly Post[]
  /** Reads the store from outside. */
  select: (text: string) => Promise<Record<string, unknown>[]>
}

/** Judges a run by what was promised, what the receiver saw, what the API says and what lies in the store. */
export async function judge(findings: Findings): Promise<Verdict> {
  const { promised, states, posts } = findings
  const faults: string[] = []
  const byDelivery = Map.groupBy(posts, ({ id }) => id)
  const postsOf = (id: string) => byDelivery.get(states.get(id)?.delivery?.id ?? '') ?? []
  const delivered = [...promised.approved].filter((id) => postsOf(id).some(({ isTaken }) => isTaken))

  for (const id of promised.approved) {
    if (states.get(id)?.status !== 'approved') faults.push(`${id} was approved and is not any more`)
  }
  for (const id of promised.rejected) {
    if (states.get(id)?.status !== 'rejected') faults.push(`${id} was rejected and is not any more`)
  }
  faults.push(...(await partsMissing(findings)), ...badSignatures(findings))
  const secondTokens = await withSecondToken(findings, postsOf)
  faults.push(...secondTokens)

  const stopped = [...states.values()].map(({ delivery }) => ({
    id: delivery?.id,
    times: delivery?.attempts.filter(({ failure }) => failure === 'server_stopped').length ?? 0,
  }))
  const timesStopped = new Map(stopped.map(({ id, times }) => [id, times]))
  const again = Map.groupBy(repeated(posts), ({ id }) => id)
  const unexplained = [...again].reduce(
    (sum, [id, { length }]) => sum + Math.max(0, length - (timesStopped.get(id) ?? 0)),
    0,
  )

  return {
    asked: promised.asked.size,
    approved: promised.approved.size,
    delivered: delivered.length,
    lost: promised.approved.size - delivered.length,
    secondTokens: secondTokens.length,
    posts: posts.length,
    overlapping: overlapping(posts).length,
    repeated: repeated(posts).length,
    unexplained,
    abandoned: stopped.reduce((sum, { times }) => sum + times, 0),
    faults,
  }
}

/** Decision, token and delivery are there together, or none is; each once, with one event; nothing secret is left. */
async function partsMissing({ states, accounts, select }: Findings): Promise<string[]> {
  const faults: string[] = []
  const expect = (id: string, what: string, is: unknown, wanted: unknown) => {
    if (is !== wanted) faults.push(`${id}: ${what} ${is} instead of ${wanted}`)
  }
  const countIn = async (table: string) => {
    const rows = await select(`select request_id, count(*) as count from ${table} group by request_id`)
    const counts = new Map(rows.map((row) => [row.request_id, Number(row.count)]))
    return (id: string) => counts.get(id) ?? 0
  }
  const [tokens, deliveries, decisions] = [
    await countIn('tokens'),
    await countIn('deliveries'),
    await countIn('decisions'),
  ]
  for (const [id, { status, delivery, timeline }] of states) {
    const [once, settledOnce] = [status === 'approved' ? 1 : 0, status === 'pending' ? 0 : 1]
    expect(id, 'delivery', delivery?.status ?? 'none', once ? 'delivered' : 'none')
    expect(id, 'tokens', tokens(id), once)
    expect(id, 'deliveries', deliveries(id), once)
    expect(id, 'decisions', decisions(id), settledOnce)
    const happened = (what: string) => timeline.filter(({ event }) => event === what).length
    if (settledOnce) expect(id, `events “${status}”`, happened(status), 1)
    expect(id, 'events “token_delivered”', happened('token_delivered'), once)
  }
  const rest = async (what: string, of: string) => Number((await select(`select ${what} ${of}`))[0]?.count)
  expect('store', 'payloads', await rest('count(*) as count', 'from delivery_payloads'), 0)
  expect('store', 'jobs', await rest('count(*) as count', `from outbox where kind = 'deliver'`), 0)
  // An ask whose answer was lost is asked again and answered with the same request: none is left behind, but for the last.
  const others = (await rest('count(*) as count', 'from token_requests')) - states.size
  if (others > accounts.length) faults.push(`${others} requests were opened that nobody was told of`)
  return faults
}

/** Each request has one token: the same in every POST, in the store by its hash, and of no other request. */
async function withSecondToken(
  { states, select }: Findings,
  postsOf: (id: string) => Post[],
): Promise<string[]> {
  const rows = await select('select request_id, hash from tokens')
  const hashes = new Map(rows.map((row) => [row.request_id, Buffer.from(row.hash as Uint8Array)]))
  const faults: string[] = []
  const seen = new Set<string>()
  for (const [id, { status }] of states) {
    const [body, ...others] = new Set(postsOf(id).map((each) => each.body))
    if (status !== 'approved' || body === undefined) continue
    const token = JSON.parse(body).access_token as string
    const isKept = hashes.get(id)?.equals(createHash('sha256').update(token).digest())
    if (others.length > 0) faults.push(`${id} was sent in different words`)
    else if (!isKept) faults.push(`${id} has another token in the store`)
    else if (seen.has(token)) faults.push(`${id} has the token of another request`)
    seen.add(token)
  }
  return faults
}

function badSignatures({ accounts, posts }: Findings): string[] {
  const webhooks = new Map(accounts.map(({ app }) => [app.client_id, new Webhook(app.signing_secret)]))
  // By the library's own signing, since its check refuses what is older than five minutes, and a run may be long.
  const signed = ({ clientId, id, timestamp, body }: Post) =>
    webhooks.get(clientId)?.sign(id, new Date(Number(timestamp) * 1_000), body)
  return posts.filter((post) => post.signature !== signed(post)).map(({ id }) => `${id} is signed wrongly`)
}
