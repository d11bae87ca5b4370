import { escaped, number, picture, textAt } from './svg.ts'

/** A profile as V8 writes it (`--cpu-prof`; the Chrome DevTools Protocol's Profiler.Profile). */
export interface CpuProfile {
  nodes: {
    id: number
    callFrame: { functionName: string; url: string; lineNumber: number }
    children?: number[]
  }[]
  samples: number[]
  /** Microseconds since the sample before. */
  timeDeltas: number[]
}

/** A function in a place of the stack, and what was spent in it and in what it called, in microseconds. */
interface Frame {
  name: string
  where: string
  room: string
  us: number
  children: Map<string, Frame>
}

/** Rooms of the server with a colour of their own each (light, dark); the first whose sign is in the address has it. */
const ROOMS = [
  { room: 'garbage', sign: /^\(garbage collector\)/, light: '#d9564a', dark: '#b8453b' },
  { room: 'store', sign: /\/src\/store\//, light: '#8fb8e8', dark: '#2f5f96' },
  { room: 'http', sign: /\/src\/http\//, light: '#c9a7e8', dark: '#67418c' },
  { room: 'countersign', sign: /\/src\//, light: '#8fd1ab', dark: '#22714a' },
  {
    room: 'fastify',
    sign: /\/node_modules\/(@?fastify|find-my-way|avvio|light-my-request)/,
    light: '#f2c879',
    dark: '#8a6420',
  },
  { room: 'packages', sign: /\/node_modules\//, light: '#f0dba6', dark: '#6b5a2c' },
  { room: 'node', sign: /^(node:|\()|^$/, light: '#d5d1c6', dark: '#4c4a44' },
] as const
const OTHER = 'node'

const WIDTH = 1_200
const MARGIN = 16
const HEIGHT = 17
const HEAD = 74
const SIGN = 6.2

/** Waiting is no work: these samples say that nothing ran. */
const REST = new Set(['(idle)', '(program)'])

/** Adds up a profile into stacks that are alike, and draws them: who is called stands on who calls; width is time. */
export function flameSvg(profiles: CpuProfile[], title: string, { least = 0.003 } = {}): string {
  const root: Frame = { name: 'all', where: '', room: OTHER, us: 0, children: new Map() }
  for (const profile of profiles) fold(profile, root)
  const deepest = depthOf(root, root.us * least)
  const height = HEAD + deepest * HEIGHT + MARGIN
  const frames: string[] = []
  place(root, MARGIN, 0)

  function place(frame: Frame, x: number, level: number) {
    const width = (frame.us / root.us) * (WIDTH - 2 * MARGIN)
    const y = height - MARGIN - (level + 1) * HEIGHT
    const share = `${((frame.us / root.us) * 100).toFixed(1)} %`
    const room = Math.floor((width - 6) / SIGN)
    const label = frame.name.length <= room ? frame.name : room > 3 ? `${frame.name.slice(0, room - 1)}…` : ''
    frames.push(
      `<g><title>${escaped(`${frame.name} ${frame.where} ${share}`)}</title><rect x="${number(x)}" y="${y}" width="${number(width)}" height="${HEIGHT - 1}" class="${frame.room}"/>${label && textAt(x + 3, y + 12, label, 'frame')}</g>`,
    )
    let next = x
    for (const child of [...frame.children.values()].sort((a, b) => b.us - a.us)) {
      if (child.us >= root.us * least) place(child, next, level + 1)
      next += (child.us / root.us) * (WIDTH - 2 * MARGIN)
    }
  }

  const ms = `${(root.us / 1_000).toFixed(0)} ms of work, rest left out; frames under ${(least * 100).toFixed(1)} % left out`
  const key = ROOMS.map(({ room }, at) => {
    const x = MARGIN + at * 120
    return `<rect x="${x}" y="52" width="12" height="12" class="${room}"/>${textAt(x + 18, 63, room, 'soft')}`
  })
  const head = [textAt(MARGIN, 28, title, 'title'), textAt(MARGIN, 45, ms, 'soft')]
  return picture(WIDTH, height, title, [...head, ...key, ...frames], STYLE)
}

const STYLE = `
  .frame { font-size: 11px; pointer-events: none }
${ROOMS.map(({ room, light }) => `  .${room} { fill: ${light} }`).join('\n')}
  @media (prefers-color-scheme: dark) {
${ROOMS.map(({ room, dark }) => `    .${room} { fill: ${dark} }`).join('\n')}
  }`

/** Each sample is a whole stack; stacks that are alike become one. */
function fold({ nodes, samples, timeDeltas }: CpuProfile, root: Frame) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const spent = new Map<number, number>()
  for (const [at, id] of samples.entries())
    spent.set(id, (spent.get(id) ?? 0) + Math.max(0, timeDeltas[at + 1] ?? 0))
  for (const [id, us] of spent) {
    const stack = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame
      if (frame && frame.functionName !== '(root)') stack.unshift(frame)
    }
    if (REST.has(stack.at(-1)?.functionName ?? '(idle)')) continue
    root.us += us
    let above = root
    for (const { functionName, url, lineNumber } of stack) {
      const key = `${functionName} ${url}:${lineNumber}`
      const room = ROOMS.find(({ sign }) => sign.test(url || functionName))?.room ?? OTHER
      const known = above.children.get(key) ?? {
        name: functionName || '(anonymous)',
        where: url && `${shortened(url)}:${lineNumber + 1}`,
        room,
        us: 0,
        children: new Map(),
      }
      known.us += us
      above.children.set(key, known)
      above = known
    }
  }
}

/** Where a file lies in the project; nobody needs to know where the project lies. */
const shortened = (url: string) =>
  url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*?\/((src|bench|bin|demo)\/)/, '$1')

function depthOf(frame: Frame, least: number): number {
  const below = [...frame.children.values()].filter(({ us }) => us >= least)
  return 1 + Math.max(0, ...below.map((child) => depthOf(child, least)))
}
