import { mkdir, writeFile } from 'node:fs/promises'
import { randomFrom } from '../test/support/random.ts'
import { curvesSvg } from './scaling/curves.ts'
import { planFor } from './scaling/model.ts'
import { hours, type Minute, minutes, type Outage, type Rush, simulateRush } from './scaling/rush.ts'
import { readUnits } from './scaling/units.ts'
import { type BenchOptions, type Report, spread } from './support/figures.ts'

const PICTURES = new URL('../docs/scaling/', import.meta.url)
const USERS = 10_000_000
const SEED = 330

const BIG = { share: 0.3, answerMs: 120 }
const OTHERS = Array.from({ length: 20 }, (_, nth) => ({
  name: `app ${nth + 1}`,
  share: 0.02,
  isOneLane: true,
  answerMs: 120,
}))
const OWN = { name: 'apps of their own', share: 0.3, isOneLane: false, answerMs: 120 }
/** 30 % of users at one receiver, by its one app or by an app of each user; 40 % at twenty; 30 % at apps of their own. */
const RECEIVERS = [{ name: 'big', isOneLane: true, ...BIG }, ...OTHERS, OWN]
const OWN_LANES = [{ name: 'big', isOneLane: false, ...BIG }, ...OTHERS, OWN]

const DOWN: Outage = { receiver: 'big', from: hours(8.5), to: hours(8.5) + minutes(40) }
const AWAY: Outage = { from: hours(8.75), to: hours(8.75) + 30 }

interface Scene {
  file: string
  what: string
  nodes: number
  outage?: Outage
  receivers: typeof RECEIVERS
}

const scenesFor = (nodes: number): Scene[] => [
  { file: 'quiet', what: 'a quiet day', nodes, receivers: RECEIVERS },
  {
    file: 'receiver-down',
    what: 'the big receiver hangs for 40 min, one app',
    nodes,
    outage: DOWN,
    receivers: RECEIVERS,
  },
  {
    file: 'receiver-down-own-apps',
    what: 'the same receiver, each user by an app of their own',
    nodes,
    outage: DOWN,
    receivers: OWN_LANES,
  },
  {
    file: 'database-down',
    what: 'the database is away for 30 s',
    nodes,
    outage: AWAY,
    receivers: RECEIVERS,
  },
  ...[8, 4, 2].map((few) => ({
    file: `nodes-${few}`,
    what: `a quiet day by ${few} nodes`,
    nodes: few,
    receivers: RECEIVERS,
  })),
]

/** The morning of ten million users, simulated with the outbox's own schedule and lanes; its pictures go to docs/scaling. */
export async function benchRush({ say }: BenchOptions): Promise<Report> {
  const units = await readUnits()
  const { rush: cpu } = units
  const plan = planFor(USERS, units)
  await mkdir(PICTURES, { recursive: true })
  const found: { scene: Scene; rush: Rush }[] = []
  for (const scene of scenesFor(plan.nodes)) {
    say(`rush: ${scene.what}`)
    const { nodes, outage, receivers } = scene
    const rush = simulateRush({
      users: USERS,
      nodes,
      receivers,
      cpu,
      databaseCores: Math.ceil(plan.databaseCores),
      random: randomFrom(SEED),
      ...(outage ? { outages: [outage] } : {}),
    })
    if (rush.delivered + rush.givenUp !== rush.owed) throw new Error(`${scene.what}: a delivery was lost.`)
    found.push({ scene, rush })
    if (nodes === plan.nodes) await draw(`${scene.file}.svg`, scene, rush)
  }
  await drawNodes(found.filter(({ scene }) => scene.receivers === RECEIVERS && !scene.outage))
  return {
    name: 'rush',
    about: `${USERS.toLocaleString('en')} users approve between 03:30 and 09:15; simulated from bench/scaling/units.json, seed ${SEED}`,
    rows: found.map(({ scene, rush }) => ({
      morning: scene.what,
      nodes: scene.nodes,
      owed: rush.owed,
      delivered: rush.delivered,
      'given up': rush.givenUp,
      'failed attempts': rush.failedAttempts,
      'posted twice': rush.twice,
      'longest wait to be let in, min': spread([longestQueue(rush)]),
      'latest delivery, the big receiver, s': spread([rush.longest.big ?? 0]),
      'latest delivery, all others, s': spread([latestOther(rush)]),
    })),
    bars: [],
  }
}

/** So long the last of those who wait for a server had waited, at the rate at which they are let in. */
function longestQueue({ minutes: all }: Rush): number {
  const most = Math.max(...all.map(({ asked }) => asked))
  const over = all.findLast(({ asked }) => asked > 60)
  const begun = all.findIndex(({ asked }) => asked > 60)
  return most <= 60 || !over ? 0 : (over.at - (all[begun]?.at ?? over.at)) / 60
}

const latestOther = ({ longest }: Rush) =>
  Math.max(...Object.entries(longest).map(([name, late]) => (name === 'big' ? 0 : late)))

const others = (of: Record<string, number>) => Object.entries(of).filter(([name]) => name !== 'big')
const backlogOfOthers = ({ backlog }: Minute) => others(backlog).reduce((sum, [, count]) => sum + count, 0)
const latestOfOthers = ({ p99 }: Minute) => Math.max(0, ...others(p99).map(([, late]) => late))

const MOST_HOURS = 12

async function draw(file: string, { what, nodes, outage }: Scene, rush: Rush) {
  const shown = rush.minutes.filter(({ at }) => at <= hours(MOST_HOURS))
  const about = `${USERS / 1e6} M users, ${nodes} nodes; ${rush.failedAttempts.toLocaleString('en')} attempts failed, ${rush.givenUp} deliveries given up`
  const span = outage && { from: outage.from / 3_600, to: outage.to / 3_600, what: 'down' }
  const panels = [
    {
      title: 'Deliveries owed',
      curves: [
        { name: 'big receiver', values: shown.map(({ backlog }) => backlog.big ?? 0) },
        { name: 'all others', values: shown.map(backlogOfOthers) },
      ],
    },
    {
      title: 'From approval to delivery, 99 of 100, seconds',
      curves: [
        { name: 'big receiver', values: shown.map(({ p99 }) => p99.big ?? 0) },
        { name: 'slowest other', values: shown.map(latestOfOthers) },
      ],
    },
  ]
  const at = shown.map((each) => each.at / 3_600)
  await writeFile(new URL(file, PICTURES), curvesSvg(`The morning: ${what}`, about, at, panels, span))
}

async function drawNodes(all: { scene: Scene; rush: Rush }[]) {
  const longest = Math.max(...all.map(({ rush }) => rush.minutes.length))
  const shown = Math.min(longest, ((MOST_HOURS - 3.5) * 60) | 0)
  const curve = (of: (minute: Minute) => number) =>
    all.map(({ scene, rush }) => ({
      name: `${scene.nodes} nodes`,
      values: Array.from({ length: shown }, (_, at) => {
        const minute = rush.minutes[at]
        return minute ? of(minute) : 0
      }),
    }))
  const panels = [
    { title: 'Approvals that wait to be let in', curves: curve(({ asked }) => asked) },
    {
      title: 'Deliveries owed',
      curves: curve(({ backlog }) => backlogOfOthers({ backlog } as Minute) + (backlog.big ?? 0)),
    },
  ]
  const at = Array.from({ length: shown }, (_, nth) => 3.5 + nth / 60)
  const about = `${USERS / 1e6} M users on a quiet day, by so many nodes of one core each`
  await writeFile(
    new URL('nodes.svg', PICTURES),
    curvesSvg('The morning by number of nodes', about, at, panels),
  )
}
