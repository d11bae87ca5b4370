import { type Bar, isSpread, type Report, type Spread } from './figures.ts'
import { number as figure } from './print.ts'
import { escaped, lineFrom, number, picture, textAt, wrapped } from './svg.ts'

const WIDTH = 860
const MARGIN = 16
const LINE = 18
const BAR = 15
const ROW = 23
/** Room for the figure behind a bar. */
const VALUE = 150
/** Of one sign of a label, about, in pixels. */
const SIGN = 7.4
const LONGEST_LABEL = 44

interface Panel {
  column: string
  rows: { label: string; spread: Spread; isPeer: boolean; goal: Bar | undefined }[]
}

/**
 * A report as a picture: one panel a column of figures, in each a bar from zero to the median of every row, a whisker
 * from the least to the greatest, and the goal as a dashed line.
 */
export function chartSvg(report: Report, machine: string): string {
  const panels = panelsOf(report)
  const labels = panels.flatMap(({ rows }) => rows.map(({ label }) => label.length))
  const left = MARGIN + SIGN * Math.min(LONGEST_LABEL, Math.max(8, ...labels)) + 8
  const body = [textAt(MARGIN, MARGIN + 12, report.name, 'title')]
  let y = MARGIN + 12 + LINE
  for (const line of [...wrapped(report.about, 125), ...wrapped(machine, 125)]) {
    body.push(textAt(MARGIN, y, line, 'soft'))
    y += LINE
  }
  for (const panel of panels) {
    y += 10
    body.push(...panelAt(panel, left, y))
    y += LINE + panel.rows.length * ROW
  }
  const title = `${report.name}: ${report.about}`
  return picture(WIDTH, y + MARGIN, title, body)
}

function panelsOf({ rows, peers = [], bars }: Report): Panel[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((head) => isSpread(row[head]))))]
  return columns.map((column) => ({
    column,
    rows: rows.flatMap((row) => {
      const spread = row[column]
      // A figure that could not be had (the ratio to nothing) has no bar.
      if (!isSpread(spread) || !Number.isFinite(spread.med)) return []
      const names = Object.values(row).filter((cell) => typeof cell === 'string')
      const isPeer = names.some((name) => peers.includes(name))
      const isMeant = ({ on }: Bar) =>
        on?.column === column && (on.cells ?? []).every((cell) => names.includes(cell))
      const goal = isPeer ? undefined : bars.find(isMeant)
      return { label: names.join(' · '), spread, isPeer, goal }
    }),
  }))
}

function panelAt({ column, rows }: Panel, left: number, top: number): string[] {
  const room = WIDTH - MARGIN - VALUE - left
  const most = Math.max(...rows.map(({ spread, goal }) => Math.max(spread.max, goal?.limit ?? 0)))
  const at = (value: number) => left + (most > 0 ? (value / most) * room : 0)
  const parts = [textAt(MARGIN, top + 10, column, 'head')]
  for (const [index, { label, spread, isPeer, goal }] of rows.entries()) {
    const y = top + LINE + index * ROW
    const middle = y + BAR / 2
    const { min, med, max } = spread
    const short = label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label
    const value = goal ? `${figure(med)}  (${goal.atMost ? '≤' : '≥'} ${goal.limit})` : figure(med)
    parts.push(
      textAt(left - 8, y + 12, short, 'right'),
      `<rect x="${number(left)}" y="${number(y)}" width="${number(Math.max(1, at(med) - left))}" height="${BAR}" class="${isPeer ? 'peer' : 'ours'}"><title>${escaped(`${label}: ${[min, med, max].map(figure).join(' / ')}`)}</title></rect>`,
    )
    if (max > min) {
      // Drawn on a bar as well as beside it: it has an edge of paper around it.
      for (const kind of ['edge', 'whisker']) {
        parts.push(lineFrom([at(min), middle], [at(max), middle], kind))
        for (const end of [min, max]) parts.push(lineFrom([at(end), middle - 4], [at(end), middle + 4], kind))
      }
    }
    for (const kind of goal ? ['edge', 'goal'] : []) {
      const x = at(goal?.limit ?? 0)
      parts.push(lineFrom([x, y - 3], [x, y + BAR + 3], kind))
    }
    parts.push(textAt(Math.max(at(max), at(goal?.limit ?? 0)) + 8, y + 12, value, isPeer ? 'soft' : ''))
  }
  return parts
}
