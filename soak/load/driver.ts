import { setTimeout as pause } from 'node:timers/promises'
import { addAccount } from '../../test/support/crowd.ts'
import { randomFrom } from '../../test/support/random.ts'
import { ADMIN_KEY } from '../../test/support/server.ts'
import { type Calls, openCalls } from './calls.ts'
import { type Asked, flow } from './flow.ts'
import type { Order, Pressed, Promised, Stage, Told } from './orders.ts'

/** Flows at a time when it is measured what the server can do. */
const AT_A_TIME = 48
/** An ask that takes longer is no sign of a server that is well. */
const SLOW_MS = 1_000
/** One agent is linked by so many people. */
const PEOPLE_OF_AGENT = 100
const PROGRESS_MS = 5_000

const tell = (told: Told) => process.send?.(told)
const promised: Promised[] = []
const free: Asked[] = []
let calls: Calls
let random = Math.random
const underWay = new Set<Promise<unknown>>()

process.on('message', async (order: Order) => {
  if (order.do === 'prepare') {
    await prepare(order)
    tell({ ready: true })
  } else if (order.do === 'measure') tell({ measured: await measure(order.seconds) })
  else if (order.do === 'press') tell({ pressed: await press(order.stages) })
  else tell({ promised })
})
process.once('disconnect', () => process.exit(0))

/** People with passkeys, an app for each, and agents that all of them have linked. */
async function prepare({ origin, notifierUrl, people, seed }: Extract<Order, { do: 'prepare' }>) {
  random = randomFrom(seed)
  calls = openCalls(origin)
  while (free.length < people) {
    const group: Omit<Asked, 'agent'>[] = []
    while (group.length < Math.min(PEOPLE_OF_AGENT, people - free.length)) {
      const handle = `load-${free.length + group.length}`
      const phone = `+9198${String(10_000_000 + free.length + group.length)}`
      group.push({
        ...(await addAccount(origin, handle, notifierUrl, { phone })),
        handle,
        rejected: new Set(),
      })
      if (group.length % 50 === 0) tell({ progress: `${free.length + group.length} of ${people} people` })
    }
    const agent = await addAgent(group.map(({ person }) => person.userId))
    free.push(...group.map((each) => ({ ...each, agent })))
  }
}

async function addAgent(links: string[]) {
  const answer = await calls.call({
    method: 'POST',
    path: '/v1/admin/clients',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'initiator', name: 'Northwind Agent', links }),
  })
  if (answer?.status !== 201) throw new Error(`agent: ${answer?.status} ${JSON.stringify(answer?.body)}`)
  return answer.body as unknown as Asked['agent']
}

/** Some at a time, each as soon as another one is done. */
async function measure(seconds: number): Promise<Pressed> {
  const figures = newPressed()
  const end = performance.now() + seconds * 1_000
  const loops = Array.from({ length: AT_A_TIME }, async () => {
    while (performance.now() < end) {
      const asked = free.shift()
      if (!asked) throw new Error('There are too few people.')
      await begin(asked, figures, performance.now(), performance.now(), true)
    }
  })
  await Promise.all(loops)
  return figures
}

/** By a Poisson clock, which waits for no answer. Done when all that began has ended. */
async function press(stages: readonly Stage[]): Promise<Pressed[]> {
  const all: Pressed[] = []
  let from = performance.now()
  for (const [nth, { rate, seconds }] of stages.entries()) {
    tell({ begun: nth })
    const figures = newPressed()
    all.push(figures)
    const end = from + seconds * 1_000
    let sayAt = from + PROGRESS_MS
    for (let next = from; next < end; ) {
      const now = performance.now()
      while (next <= now && next < end) {
        const asked = free.shift()
        figures.intended += 1
        if (asked) track(begin(asked, figures, next, from, false))
        else figures.skipped += 1
        next += (-Math.log(1 - random()) / rate) * 1_000
      }
      if (now >= sayAt) {
        sayAt += PROGRESS_MS
        tell({
          progress: `${figures.done} of ${figures.intended} asks and what came of them, ${figures.shed} turned away`,
        })
      }
      await pause(Math.max(1, Math.min(next, end) - performance.now()))
    }
    from = end
  }
  tell({ begun: stages.length })
  await Promise.all(underWay)
  return all
}

function track(work: Promise<unknown>) {
  underWay.add(work)
  work.finally(() => underWay.delete(work))
}

async function begin(
  asked: Asked,
  figures: Pressed,
  intendedAt: number,
  from: number,
  isHurried: boolean,
): Promise<void> {
  const troubled = () => {
    figures.troubledUntil = Math.max(figures.troubledUntil, intendedAt - from)
  }
  const surprise = (what: string) => {
    figures.surprises[what] = (figures.surprises[what] ?? 0) + 1
  }
  try {
    const isDone = await flow(
      {
        calls,
        random,
        isHurried,
        promised,
        note: (what, ms) => figures.latencies[what].push(ms),
        welcomed(ms) {
          if (ms > SLOW_MS) troubled()
        },
        refused(answer) {
          troubled()
          if (!answer) figures.unanswered += 1
          else if (answer.status !== 503) surprise(`ask: ${answer.status} ${JSON.stringify(answer.body)}`)
          else if (Number(answer.header('retry-after')) >= 1) figures.shed += 1
          else figures.shedBadly += 1
        },
        surprise,
      },
      asked,
      intendedAt,
    )
    if (isDone) figures.done += 1
  } catch (fault) {
    surprise(String(fault))
  } finally {
    free.push(asked)
  }
}

const newPressed = (): Pressed => ({
  intended: 0,
  done: 0,
  shed: 0,
  shedBadly: 0,
  unanswered: 0,
  skipped: 0,
  latencies: { ask: [], decide: [], result: [] },
  troubledUntil: 0,
  surprises: {},
})
