/** Draws a life: one line for each way on, `pending -> approved  by a passkey`. */
export function drawStates(text: string): string {
  const ways = readWays(text)
  const ranks = new Map<string, number>()
  for (const { from } of ways) if (!ranks.has(from)) ranks.set(from, 0)
  // The longest way to a state says in which column it stands; lives go one way only, so this ends.
  for (let round = 0; round < ways.length; round += 1) {
    for (const { from, to } of ways) {
      ranks.set(to, Math.max(ranks.get(to) ?? 0, (ranks.get(from) ?? 0) + 1))
    }
  }
  const columns = Map.groupBy(ranks.keys(), (state) => ranks.get(state) ?? 0)
  /** Where a column begins: behind the longest words on the ways that lead to it. */
  const edge = (rank: number): number => {
    if (rank === 0) return 2
    const words = ways.filter(({ from }) => ranks.get(from) === rank - 1).map(({ why }) => why.length)
    return edge(rank - 1) + BOX + 52 + Math.max(...words, 4) * LETTER
  }
  const place = new Map<string, { x: number; y: number }>()
  for (const [rank, states] of columns) {
    states.forEach((state, i) => {
      place.set(state, { x: edge(rank), y: 2 + i * ROW })
    })
  }
  const width = edge(Math.max(...columns.keys())) + BOX + 4
  const height = Math.max(...[...columns.values()].map((states) => states.length)) * ROW - (ROW - HEIGHT) + 4
  const at = (state: string) => place.get(state) ?? { x: 0, y: 0 }

  const lines = ways.map(({ from, to, why }) => {
    const [a, b] = [at(from), at(to)]
    const [y1, y2] = [a.y + HEIGHT / 2, b.y + HEIGHT / 2]
    const bend = a.x + BOX + 20
    const line = `M${a.x + BOX} ${y1}H${bend - 8}${y1 === y2 ? '' : `C${bend} ${y1} ${bend - 8} ${y2} ${bend + 8} ${y2}`}H${b.x - 8}`
    return `<path class="way" d="${line}"/><path class="head" d="M${b.x - 9} ${y2 - 5}L${b.x} ${y2}L${b.x - 9} ${y2 + 5}z"/><text x="${bend + 12}" y="${y2 - 6}">${escapeText(why)}</text>`
  })
  const boxes = [...place].map(
    ([state, { x, y }]) =>
      `<rect x="${x}" y="${y}" width="${BOX}" height="${HEIGHT}" rx="8"/><text class="state" x="${x + BOX / 2}" y="${y + 23}">${escapeText(state)}</text>`,
  )
  const told = ways.map(({ from, to, why }) => `${from} to ${to}${why ? `: ${why}` : ''}`).join('. ')
  return `<figure class="states" tabindex="0" role="group" aria-label="Diagram"><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeText(told)}">${lines.join('')}${boxes.join('')}</svg></figure>\n`
}

/** Reads the lines of a life. */
export function readWays(text: string): { from: string; to: string; why: string }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, from = '', to = '', why = ''] = /^\s*(\w+)\s*->\s*(\w+)\s*(.*)$/.exec(line) ?? []
      if (!from) throw new Error(`A line of a life reads “from -> to  why”, not “${line}”.`)
      return { from, to, why }
    })
}

const BOX = 128
const HEIGHT = 36
const ROW = 56
const LETTER = 6.6

const escapeText = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
