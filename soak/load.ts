import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endChild } from '../bench/support/child.ts'
import { atLeast, atMost, percentile, type Report } from '../bench/support/figures.ts'
import { temporaryFolder } from '../test/support/folder.ts'
import { type Nodes, startNodes } from '../test/support/nodes.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { READY } from '../test/support/process.ts'
import { randomFrom } from '../test/support/random.ts'
import { selectFrom } from '../test/support/select.ts'
import { judge, owed } from './load/judge.ts'
import { watchMemory } from './load/memory.ts'
import type { Order, Pressed, Promised, Told } from './load/orders.ts'
import { startLoadReceiver } from './load/receiver.ts'
import type { SoakOptions } from './options.ts'

const MEASURE_SECONDS = 15
const SHARE = 0.7
const OVERLOAD = { times: 3, seconds: 30 }
/** After the overload the ordinary load goes on, to see when all is well again. */
const AFTER_SECONDS = 15
/** One node is killed so often, or four times if the run is short. */
const KILL_EVERY_MS = 60_000
/** The work of a killed server goes on 20 to 25 s later; the retry of an attempt that failed comes 4 to 6 s later. */
const SETTLE_MS = 90_000
const ALIVE_EVERY_MS = 250
const ALIVE_PATIENCE_MS = 2_000

/**
 * Asks that come by their own clock, at 70 % of what the server was just seen to do, and what comes of each: decisions,
 * deliveries, results. Meanwhile receivers are slow, WhatsApp is down, and in the first half servers are killed; then
 * three times what it can do.
 */
export async function soakLoad({
  minutes = 30,
  people = 400,
  store = 'sqlite',
  seed,
  say,
}: SoakOptions): Promise<Report> {
  const random = randomFrom(seed)
  await using postgres = store === 'postgres' ? await startPostgres() : undefined
  const database = await postgres?.database()
  await using data = await temporaryFolder('soak')
  const count = database ? 3 : 1
  await using nodes = await startNodes({
    count,
    data: data.path,
    database,
    env: {
      COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s',
      // Each of these people has one call under way at a time: a bound that so many can reach.
      COUNTERSIGN_OVERLOAD_CALLS: String(Math.ceil(people / (4 * count))),
      // Where nobody listens.
      COUNTERSIGN_WHATSAPP_API: 'http://127.0.0.1:9',
      COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: '1',
      COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'token',
      COUNTERSIGN_WHATSAPP_APP_SECRET: 'secret',
      COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: 'verify',
    },
  })
  await using receiver = await startLoadReceiver(random)
  await using driver = startDriver(say)
  await driver.order({ do: 'prepare', origin: nodes.origin, notifierUrl: receiver.url, people, seed })
  say(`measuring for ${MEASURE_SECONDS} s what the server can do`)
  const { measured } = await driver.order<{ measured: Pressed }>({ do: 'measure', seconds: MEASURE_SECONDS })
  const ceiling = measured.done / MEASURE_SECONDS
  const rate = ceiling * SHARE
  say(`${ceiling.toFixed(0)} asks a second, with all that comes of them; going on with ${rate.toFixed(0)}`)

  using memory = watchMemory(() => nodes.node(0).pid)
  const half = minutes * 30
  const stages = [
    { rate, seconds: half },
    { rate, seconds: half },
    { rate: ceiling * OVERLOAD.times, seconds: OVERLOAD.seconds },
    { rate, seconds: AFTER_SECONDS },
  ]
  const stop = new AbortController()
  const pressing = driver.order<{ pressed: Pressed[] }>({ do: 'press', stages })
  await driver.begun(0)
  say(`${minutes} min of load: in the first half servers are killed`)
  const killing = killInTurn({
    nodes,
    everyMs: Math.min(KILL_EVERY_MS, (half * 1_000) / 4),
    signal: stop.signal,
    say,
  })
  await driver.begun(1)
  stop.abort()
  memory.restart()
  say('the second half: no kills, memory is watched')
  await driver.begun(2)
  const trend = memory.trend()
  say(`three times what it can do, ${(ceiling * OVERLOAD.times).toFixed(0)} asks a second`)
  const alive = watchAlive(nodes)
  await driver.begun(3)
  const unanswered = await alive.stop()
  say('as much as before again')
  const { pressed } = await pressing
  const kills = await killing
  const [killed, calm, overload, after] = pressed as [Pressed, Pressed, Pressed, Pressed]

  say('waiting for what is still on its way')
  const { promised } = await driver.order<{ promised: Promised[] }>({ do: 'tell' })
  const select = (text: string) =>
    selectFrom(database ? { url: database } : { path: join(data.path, 'countersign.db') }, text)
  const giveUpAt = performance.now() + SETTLE_MS
  while ((await owed(select)) > 0 && performance.now() < giveUpAt) await pause(500)
  const verdict = await judge(select, promised, receiver)
  for (const each of verdict.lost.slice(0, 5)) say(each)
  const surprises = pressed.flatMap((each) => Object.entries(each.surprises))
  for (const [what, count] of surprises.slice(0, 5)) say(`${count} × ${what}`)

  return {
    name: `load-${store}`,
    about: `${minutes} min at ${(SHARE * 100).toFixed(0)} % of ${ceiling.toFixed(0)} asks a second on ${
      database ? 'PostgreSQL, three nodes' : 'SQLite'
    }, ${kills} kills in the first half, then ${OVERLOAD.times} times as much for ${OVERLOAD.seconds} s`,
    rows: [
      ...latencyRows('with kills', killed),
      ...latencyRows('without', calm),
      ...latencyRows('overload', overload),
      ...latencyRows('after it', after),
      ...Object.entries(verdict.counts).map(([what, n]) => ({ what, n })),
      { what: 'asks intended in the overload', n: overload.intended },
      { what: 'of them turned away with 503 and retry-after', n: overload.shed },
      { what: 'asks turned away at the ordinary load', n: killed.shed + calm.shed },
      { what: 'asks nobody answered for 15 s', n: sum(pressed, 'unanswered') },
      { what: 'asks not sent, since all people were busy', n: sum(pressed, 'skipped') },
      { what: 'memory in the second half, MiB', n: trend.mib },
      { what: 'its growth an hour, MiB', n: trend.perHour },
      { what: 'its noise around the line, MiB', n: trend.noise },
    ],
    bars: [
      atMost('promises lost', verdict.lost.length, 0),
      atMost('second tokens', verdict.secondTokens, 0),
      atMost('POSTs of one delivery that overlap', receiver.counts.overlapping, 0),
      atMost('kinds of answers that should not be', surprises.length, 0),
      atMost('growth of memory over the second half, times its noise', trend.grown / trend.noise, 2),
      atLeast('asks turned away in the overload', overload.shed, 1),
      atMost('of all, 503 without retry-after', sum(pressed, 'shedBadly'), 0),
      atMost('looks at /livez in the overload without an answer in 2 s', unanswered, 0),
      atMost('seconds until all asks are answered within 1 s again', after.troubledUntil / 1_000, 5),
    ],
  }
}

const sum = (all: readonly Pressed[], what: 'unanswered' | 'skipped' | 'shedBadly') =>
  all.reduce((total, each) => total + each[what], 0)

/** From when a call was to be made: a server or a driver that is late is part of it. */
function latencyRows(stage: string, { latencies }: Pressed) {
  const calls = [
    ['ask', latencies.ask],
    ['decision', latencies.decide],
    ['result fetched', latencies.result],
  ] as const
  return calls
    .filter(([, ms]) => ms.length > 0)
    .map(([call, ms]) => ({
      what: `${call}, ${stage}`,
      n: ms.length,
      'p50 ms': percentile(ms, 0.5),
      'p99 ms': percentile(ms, 0.99),
      'p99.9 ms': percentile(ms, 0.999),
      'max ms': percentile(ms, 1),
    }))
}

function startDriver(say: (line: string) => void) {
  const child: ChildProcess = fork(fileURLToPath(new URL('./load/driver.ts', import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
  })
  const begins = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`The driver ended with ${code}.`)))
  })
  ended.catch(() => {})
  let answer = (_told: Told) => {}
  child.on('message', (told: Told) => {
    if ('progress' in told) say(told.progress)
    else if ('begun' in told) begins[told.begun]?.resolve()
    else answer(told)
  })
  return {
    order<T>(order: Order): Promise<T> {
      const answered = new Promise<T>((resolve) => {
        answer = (told) => resolve(told as T)
      })
      child.send(order)
      return Promise.race([answered, ended])
    },
    /** Waits until a stage begins; one more than there are, until the last one is over. */
    begun: (nth: number) => Promise.race([begins[nth]?.promise, ended]),
    [Symbol.asyncDispose]: () => endChild(child),
  }
}

interface Killing {
  nodes: Nodes
  everyMs: number
  signal: AbortSignal
  say: (line: string) => void
}

/** Kills one node after the other by SIGKILL and starts it again at once. @returns how many */
async function killInTurn({ nodes, everyMs, signal, say }: Killing): Promise<number> {
  let kills = 0
  for (;;) {
    const isOver = await pause(everyMs, false, { signal }).catch(() => true)
    if (isOver) break
    // Of three nodes the first one stays, whose memory is watched.
    const nth = nodes.count === 1 ? 0 : 1 + (kills % (nodes.count - 1))
    await nodes.node(nth).kill()
    nodes.startAgain(nth)
    kills += 1
    say(`kill ${kills}: node ${nth}`)
    await nodes.node(nth).says(READY)
  }
  return kills
}

/** Asks each node over and over whether it is alive. */
function watchAlive(nodes: Nodes) {
  let [unanswered, isOver] = [0, false]
  const looks: Promise<void>[] = []
  const look = async (address: string) => {
    const signal = AbortSignal.timeout(ALIVE_PATIENCE_MS)
    const answer = await fetch(`${address}/livez`, { signal }).catch(() => undefined)
    if (answer?.status !== 200) unanswered += 1
    await answer?.body?.cancel()
  }
  const looking = (async () => {
    while (!isOver) {
      for (let nth = 0; nth < nodes.count; nth += 1) looks.push(look(nodes.node(nth).origin))
      await pause(ALIVE_EVERY_MS)
    }
  })()
  return {
    async stop() {
      isOver = true
      await looking
      await Promise.all(looks)
      return unanswered
    },
  }
}
