import { deliverHandler } from '#deliveries/deliver.ts'
import { MORNING, peakRate, USABLE } from './rush.ts'
import { PASSING, type UnitName, type Units } from './units.ts'

/** What nobody measured: how people are, and what is set. Change them to yours. */
export const ASSUMED = {
  /** Requests of one user a day: one token, until 03:30. */
  flowsADay: 1,
  /** Polls that are told to wait, of one flow of CIBA. */
  pollsAFlow: 6,
  /** Days for which the rows of finished requests are there. */
  keptDays: 90,
  /** What a database in use needs beyond its rows: pages half empty, dead rows, room for an index built anew. */
  bloat: 1.5,
  /** Copies of the database: the one that writes, and one that stands by. */
  copies: 2,
  /** The settings' default (COUNTERSIGN_DATABASE_POOL), and one that listens. */
  connectionsANode: 11,
  /** Least number of nodes, so that one may fail. */
  leastNodes: 2,
  /** Cores of the largest database machine that is planned with. */
  databaseCores: 64,
  /** PostgreSQL's default. */
  connections: 100,
  /** What a disk for the log writes, in bytes a second. */
  logBytes: 200e6,
  /** What autovacuum clears by its defaults: 200 of cost each 2 ms, 20 a page of 8 KiB written. */
  vacuumBytes: (200 / 20 / 0.002) * 8_192,
  /** NOTIFY that a node sends, at most, a second (src/store/postgres.ts: each 50 ms). */
  notifiesANode: 20,
  /** Notices that one database passes on a second: a guess, not measured. */
  notices: 50_000,
  /** An endpoint's time to answer. */
  answerMs: 120,
  /** How long a person takes to decide, in the mean. */
  decideSeconds: 300,
} as const

/** An example, not an offer of anybody's: put in your own. */
export const EXAMPLE_PRICES = { coreMonth: 25, gibMonth: 0.12 } as const

const GIB = 2 ** 30

export interface Plan {
  users: number
  peak: number
  nodeCores: number
  nodes: number
  databaseCores: number
  cells: number
  connections: number
  logPerSecond: number
  storedGib: number
  costMonth: number
}

/** What so many users need, on PostgreSQL. */
export function planFor(users: number, { units }: Units): Plan {
  const of = (name: UnitName) => units[name].value
  const peak = peakRate(users * ASSUMED.flowsADay)
  const nodeCores = (peak * of('flowPostgres')) / 1e6 / USABLE
  const databaseCores = (peak * of('flowDatabase')) / 1e6 / USABLE
  const nodes = Math.max(ASSUMED.leastNodes, Math.ceil(nodeCores))
  const cells = Math.ceil(databaseCores / ASSUMED.databaseCores)
  const kept = of('bytesPostgres') - of('passing')
  const storedGib = (users * ASSUMED.flowsADay * ASSUMED.keptDays * kept * ASSUMED.bloat) / GIB
  const cores = nodes + Math.ceil(databaseCores) * ASSUMED.copies
  return {
    users,
    peak,
    nodeCores,
    nodes,
    databaseCores,
    cells,
    connections: nodes * ASSUMED.connectionsANode,
    logPerSecond: peak * of('log'),
    storedGib,
    costMonth: cores * EXAMPLE_PRICES.coreMonth + storedGib * ASSUMED.copies * EXAMPLE_PRICES.gibMonth,
  }
}

/** What gives way, at how many flows a second, and so at how many users of one morning. */
export function limitsOf({ units }: Units) {
  const of = (name: UnitName) => units[name].value
  const { laneSlots } = deliverHandler({} as Parameters<typeof deliverHandler>[0])
  const flowsOfANode = (USABLE * 1e6) / of('flowPostgres')
  const nodesOf = (connections: number) => Math.floor(connections / ASSUMED.connectionsANode)
  const nodesOfNotify = Math.sqrt(ASSUMED.notices / ASSUMED.notifiesANode)
  const found = [
    {
      what: 'the single writer of SQLite: one process, one core',
      number: `${whole(of('flowSqlite'))} µs a flow`,
      flows: (USABLE * 1e6) / of('flowSqlite'),
    },
    {
      what: 'connections of PostgreSQL, with no pooler',
      number: `${ASSUMED.connections} connections, ${nodesOf(ASSUMED.connections)} nodes`,
      flows: nodesOf(ASSUMED.connections) * flowsOfANode,
    },
    {
      what: 'processor of one database',
      number: `${ASSUMED.databaseCores} cores, ${whole(of('flowDatabase'))} µs a flow`,
      flows: (ASSUMED.databaseCores * USABLE * 1e6) / of('flowDatabase'),
    },
    {
      what: 'NOTIFY, of every node to every node',
      number: `${whole(nodesOfNotify)} nodes, ${whole(ASSUMED.notices)} notices a second (a guess)`,
      flows: nodesOfNotify * flowsOfANode,
    },
    {
      what: 'vacuum of tables whose rows leave with their work, by its defaults',
      number: `${whole(ASSUMED.vacuumBytes / 1e6)} MB/s, ${whole(of('passing'))} bytes a flow`,
      flows: ASSUMED.vacuumBytes / of('passing'),
    },
    {
      what: 'the write-ahead log of one database',
      number: `${whole(ASSUMED.logBytes / 1e6)} MB/s, ${whole(of('log'))} bytes a flow`,
      flows: ASSUMED.logBytes / of('log'),
    },
    {
      what: 'the lane of one app, whoever its users are, by 8 nodes',
      number: `${laneSlots} posts a node, ${ASSUMED.answerMs} ms an answer`,
      flows: (8 * laneSlots * 1_000) / ASSUMED.answerMs,
    },
  ]
  return found
    .map((each) => ({ ...each, users: each.flows / peakRate(1) }))
    .sort((one, other) => one.flows - other.flows)
}

/** The tables of docs/scaling.md, by the name of their place in it. */
export function tablesOf(all: Units): Record<string, string> {
  const plans = [10_000, 1_000_000, 100_000_000].map((users) => planFor(users, all))
  const line = (what: string, of: (plan: Plan) => string) => [what, ...plans.map(of)]
  return {
    units: table(
      ['one', 'costs', 'bench', 'measured'],
      Object.values(all.units).map(({ what, value, unit, bench, at }) => [
        what,
        `${whole(value)} ${unit}`,
        `\`${bench}\``,
        at,
      ]),
    ),
    bytes: table(
      ['table', 'SQLite', 'PostgreSQL', ''],
      Object.entries(all.tables)
        .filter(([, [sqlite, postgres]]) => Math.max(sqlite, postgres) >= 50)
        .map(([name, [sqlite, postgres]]) => [
          `\`${name}\``,
          whole(sqlite),
          whole(postgres),
          (PASSING as readonly string[]).includes(name) ? 'leaves with its work' : '',
        ]),
    ),
    plans: table(
      ['users', ...plans.map(({ users }) => short(users))],
      [
        line('flows a second at the peak', ({ peak }) => whole(peak)),
        line('cores of nodes at the peak', ({ nodeCores }) => whole(nodeCores)),
        line('nodes, one core each', ({ nodes }) => whole(nodes)),
        line('cores of the database', ({ databaseCores }) => whole(databaseCores)),
        line(`databases of ${ASSUMED.databaseCores} cores (cells)`, ({ cells }) => whole(cells)),
        line('connections, with no pooler', ({ connections }) => whole(connections)),
        line('write-ahead log at the peak, MB/s', ({ logPerSecond }) => whole(logPerSecond / 1e6)),
        line(`stored for ${ASSUMED.keptDays} days, GiB`, ({ storedGib }) => whole(storedGib)),
        line('example price a month', ({ costMonth }) => whole(costMonth)),
      ],
    ),
    limits: table(
      ['what gives way', 'by', 'flows a second', 'users in one morning'],
      limitsOf(all).map(({ what, number, flows, users }) => [what, number, whole(flows), short(users)]),
    ),
  }
}

const HOURS = (MORNING.to - MORNING.from) / 3_600

/** What the model takes for granted, as the document words it. */
export const assumptions = () =>
  table(
    ['assumed', ''],
    [
      ['requests of one user a day', String(ASSUMED.flowsADay)],
      ['all of them approved within', `${HOURS} h, 03:30 to 09:15, four of five around 08:45`],
      ['of a core, usable', `${USABLE * 100} %`],
      ['polls told to wait, of one flow of CIBA', String(ASSUMED.pollsAFlow)],
      ['rows of finished requests are there for', `${ASSUMED.keptDays} days`],
      ['room beyond rows', `× ${ASSUMED.bloat}`],
      ['copies of the database', String(ASSUMED.copies)],
      ['connections of a node', String(ASSUMED.connectionsANode)],
      ['time to decide, in the mean', `${ASSUMED.decideSeconds} s`],
      ['example price: core a month, GiB a month', `${EXAMPLE_PRICES.coreMonth}, ${EXAMPLE_PRICES.gibMonth}`],
    ],
  )

function table(heads: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

/** Two digits are all that a model can mean. */
function whole(value: number): string {
  if (value > 0 && value < 1) return value.toPrecision(1)
  const digits = Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1)
  return (Math.round(value / 10 ** digits) * 10 ** digits).toLocaleString('en')
}

const short = (value: number) =>
  value >= 1e6 ? `${whole(value / 1e6)} M` : value >= 1e3 ? `${whole(value / 1e3)} k` : whole(value)
