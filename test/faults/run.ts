import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { addAccount, type Crowd, startCrowd, statusOf } from '../support/crowd.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'
import { READY } from '../support/process.ts'
import { randomFrom } from '../support/random.ts'
import { selectFrom } from '../support/select.ts'
import type { RequestStatus } from '../support/server.ts'
import { startWitness, type Witness } from '../support/witness.ts'
import { judge, type Verdict } from './verdict.ts'

interface RunOptions {
  nodes: number
  /** Address of a PostgreSQL database; without one the embedded store is used. */
  database?: string | undefined
  seed: number
  /** Ends the disturbance early after so many minutes; what was promised until then is judged. */
  minutes?: number | undefined
  /** Tells a person how far it is. */
  say?: (line: string) => void
}

/** What a run does to its servers while people and apps are at work. */
type Disturb = (stage: Stage) => Promise<void>

interface Stage {
  nodes: Nodes
  crowd: Crowd
  random: () => number
  say: (line: string) => void
  /** The next POST that reaches the receiver. */
  nextPost(): Promise<void>
  /** Kills a node; from its end on the receiver may fail the first attempts of new tokens again. */
  kill(nth: number): Promise<void>
}

const CLIENTS = 8
/** The work of a killed server goes on 20 to 25 s later; the retry of an attempt that failed comes 4 to 6 s later. */
const SETTLE_MS = 60_000
/** Longest wait for the next POST. */
const POST_PATIENCE_MS = 1_000

/** Kills servers with SIGKILL: some while they start, some at any moment, and some with a token on its way. */
export async function killAtRandom({ kills: most, ...options }: RunOptions & { kills: number }) {
  let [kills, midway] = [0, 0]
  const isOver = timeLimit(options.minutes)
  const verdict = await underLoad(options, async ({ nodes, crowd, random, say, nextPost, kill }) => {
    while (kills < most && !isOver()) {
      const nth = Math.floor(random() * nodes.count)
      const chance = random()
      if (chance < 0.2) {
        await Promise.race([pause(random() * 600), nodes.node(nth).says(READY)])
      } else {
        await nodes.node(nth).says(READY)
        await crowd.approvesOneMore()
        await pause(random() * 300)
        if (chance < 0.6) {
          await nextPost()
          midway += 1
        }
      }
      await kill(nth)
      nodes.startAgain(nth)
      kills += 1
      if (kills % 10 === 0) say(`${kills} of ${most} kills, ${crowd.promised.approved.size} approvals`)
    }
  })
  return { kills, midway, ...verdict }
}

/** Stops one server after the other by SIGTERM while a token is on its way, and starts it again. */
export async function restartInTurn({ rounds, ...options }: RunOptions & { rounds: number }) {
  const stopsMs: number[] = []
  const isOver = timeLimit(options.minutes)
  const verdict = await underLoad(options, async ({ nodes, crowd, say, nextPost }) => {
    for (let round = 1; round <= rounds && !isOver(); round += 1) {
      for (let nth = 0; nth < nodes.count; nth += 1) {
        await crowd.approvesOneMore()
        await nextPost()
        const from = performance.now()
        await stop(nodes, nth)
        stopsMs.push(performance.now() - from)
        nodes.startAgain(nth)
        await nodes.node(nth).says(READY)
      }
      say(`${round} of ${rounds} rounds of restarts, ${crowd.promised.approved.size} approvals`)
    }
  })
  return { restarts: stopsMs.length, slowestStopMs: Math.round(Math.max(...stopsMs)), ...verdict }
}

/** Begins with the first look at it: what came before is getting ready. */
function timeLimit(minutes = Number.POSITIVE_INFINITY) {
  let endsAt: number | undefined
  return () => {
    endsAt ??= performance.now() + minutes * 60_000
    return performance.now() > endsAt
  }
}

async function stop(nodes: Nodes, nth: number) {
  const node = nodes.node(nth)
  node.signal('SIGTERM')
  assert.deepEqual(await node.exited, { code: 0, signal: null }, node.output())
}

/** Lets people and apps work while servers are disturbed; then waits until all that was promised is done, and judges. */
async function underLoad(
  { nodes: count, database, seed, say = () => {} }: RunOptions,
  disturb: Disturb,
): Promise<Verdict> {
  const random = randomFrom(seed)
  await using data = await temporaryFolder('faults')
  await using nodes = await startNodes({ count, data: data.path, database })
  let calmSince = Date.now()
  let onPost = () => {}
  await using witness = await startUnsteadyReceiver(random, {
    isFirstAttempt: (issuedAt) => issuedAt > calmSince,
    onPost: () => onPost(),
  })
  const accounts = await Promise.all(
    Array.from({ length: CLIENTS }, (_, nth) => addAccount(nodes.origin, `person-${nth}`, witness.url)),
  )
  const crowd = startCrowd(nodes.origin, accounts, random)

  await disturb({
    nodes,
    crowd,
    random,
    say,
    async nextPost() {
      const posted = new Promise<void>((resolve) => {
        onPost = resolve
      })
      await Promise.race([posted, pause(POST_PATIENCE_MS)])
    },
    async kill(nth) {
      calmSince = Number.POSITIVE_INFINITY
      const node = nodes.node(nth)
      assert.deepEqual(await node.kill(), { code: null, signal: 'SIGKILL' }, node.output())
      calmSince = Date.now()
    },
  })

  await nodes.allReady()
  await crowd.goHome()
  say(`waiting for what is still on its way`)
  const states = await onceAllArrived(nodes.origin, crowd)
  for (let nth = 0; nth < count; nth += 1) await stop(nodes, nth)

  const store = database ? { url: database } : { path: join(data.path, 'countersign.db') }
  const select = (text: string) => selectFrom(store, text)
  const verdict = await judge({ promised: crowd.promised, accounts, states, posts: witness.posts, select })
  verdict.faults.push(...crowd.surprises)
  if (!database) {
    const [integrity] = await select('pragma integrity_check')
    if (integrity?.integrity_check !== 'ok') verdict.faults.push(`integrity: ${integrity?.integrity_check}`)
  }
  return verdict
}

/** @returns what the API says of each request, as soon as nothing waits, or when that takes too long */
async function onceAllArrived(origin: string, { promised }: Crowd) {
  const states = new Map<string, RequestStatus>()
  const giveUpAt = performance.now() + SETTLE_MS
  let waiting = [...promised.asked]
  for (;;) {
    for (const [id, app] of waiting) states.set(id, await statusOf(origin, app, id))
    waiting = waiting.filter(([id]) => states.get(id)?.delivery?.status === 'queued')
    if (waiting.length === 0 || performance.now() > giveUpAt) return states
    await pause(250)
  }
}

/**
 * Is slow at times, and now and then breaks the connection or answers 503; the latter two only to the first attempt of a
 * delivery, since the waits after later ones are longer than a run.
 */
function startUnsteadyReceiver(
  random: () => number,
  { isFirstAttempt, onPost }: { isFirstAttempt: (issuedAt: number) => boolean; onPost: () => void },
): Promise<Witness> {
  const known = new Set<string>()
  return startWitness(async (post, response) => {
    const isFirst = !known.has(post.id) && isFirstAttempt(Number(JSON.parse(post.body).issued_at))
    known.add(post.id)
    onPost()
    const chance = random()
    if (isFirst && chance < 0.04) {
      response.destroy()
    } else if (isFirst && chance < 0.08) {
      response.writeHead(503).end('not now')
    } else {
      if (chance < 0.4) await pause(random() * 700)
      response.end('ok')
    }
  })
}
