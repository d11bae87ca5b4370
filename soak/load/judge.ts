import type { Fate, Promised } from './orders.ts'
import type { LoadReceiver } from './receiver.ts'

type Row = Record<string, unknown>
type Select = (text: string) => Promise<Row[]>

/** What is owed until all of it is done, or called off. */
export async function owed(select: Select): Promise<number> {
  const [row] = await select(`
    select (select count(*) from deliveries where state = 'queued')
         + (select count(*) from token_requests where state = 'pending' and expires_at < ${Date.now()}) as count`)
  return Number(row?.count)
}

/** Holds what was answered with 200 against what lies in the store and what the receiver took. */
export async function judge(
  select: Select,
  promised: readonly Promised[],
  { deliveries, counts }: LoadReceiver,
): Promise<{ lost: string[]; secondTokens: number; counts: Record<string, number> }> {
  const states = await column(select, 'select id as name, state as value from token_requests')
  const delivery = await column(select, 'select request_id as name, id as value from deliveries')
  const delivered = await column(select, 'select id as name, state as value from deliveries')
  const tokens = await column(
    select,
    'select request_id as name, count(*) as value from tokens group by request_id',
  )
  const told = await column(
    select,
    `select request_id as name, count(*) as value from notices where about = 'waiting' group by request_id`,
  )
  const throttled = await column(
    select,
    `select request_id as name, 1 as value from events where kind = 'notice_throttled'`,
  )
  const lost: string[] = []
  let secondTokens = counts.otherWords
  for (const { id, protocol, fate, result } of promised) {
    const state = states.get(id)
    const isKept = fate === 'unknown' ? state !== undefined && state !== 'pending' : state === fate
    if (!isKept) lost.push(`${id}: promised ${fate}, is ${state}`)
    if (!told.has(id) && !throttled.has(id)) lost.push(`${id}: nobody was told of it`)
    const count = Number(tokens.get(id) ?? 0)
    if (count > 1) secondTokens += 1
    if (state !== 'approved') continue
    if (protocol === 'ciba') {
      if (fate === 'approved' && result === undefined) lost.push(`${id}: its result could not be fetched`)
      continue
    }
    const owed = String(delivery.get(id))
    if (delivered.get(owed) !== 'delivered') lost.push(`${id}: its delivery is ${delivered.get(owed)}`)
    if (!deliveries.get(owed)?.isTaken) lost.push(`${id}: the receiver has not taken ${owed}`)
    if (count !== 1) lost.push(`${id}: ${count} tokens`)
  }
  const [queued] = await select(
    `select count(*) as count from notices n join token_requests r on r.id = n.request_id
      where n.state = 'queued' and n.about = 'waiting' and r.state <> 'pending'`,
  )
  if (Number(queued?.count) > 0) lost.push(`${queued?.count} messages wait for requests that are over`)
  const of = (fate: Fate) => promised.filter((each) => each.fate === fate).length
  return {
    lost,
    secondTokens,
    counts: {
      'asks acknowledged': promised.length,
      approved: of('approved'),
      rejected: of('rejected'),
      withdrawn: of('withdrawn'),
      expired: of('expired'),
      'decisions whose answer a kill cut off': of('unknown'),
      'results whose answer a kill cut off': promised.filter(({ result }) => result === 'cut_off').length,
      'POSTs received': counts.posts,
      'POSTs while another of the same delivery was under way': counts.overlapping,
    },
  }
}

async function column(select: Select, text: string): Promise<Map<string, unknown>> {
  const rows = await select(text)
  return new Map(rows.map(({ name, value }) => [String(name), value]))
}
