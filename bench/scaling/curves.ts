import { number as figure } from '../support/print.ts'
import { lineFrom, number, picture, textAt, wrapped } from '../support/svg.ts'

export interface Panel {
  /** What is shown, with its unit. */
  title: string
  /** All of the same length. */
  curves: { name: string; values: number[] }[]
}

interface Span {
  /** Hours of the day. */
  from: number
  to: number
  what: string
}

const [WIDTH, LEFT, RIGHT, PANEL, HEAD] = [860, 70, 130, 170, 40]
const COLOURS = [
  ['#1b6b43', '#52b483'],
  ['#b4541f', '#e79a64'],
  ['#3567a8', '#7fb0ee'],
  ['#7a7770', '#9c988e'],
] as const

/** Curves over a morning, one panel above the other; `span` is shaded in all of them. */
export function curvesSvg(
  title: string,
  about: string,
  hours: number[],
  panels: Panel[],
  span?: Span,
): string {
  const [first = 0, last = 1] = [hours[0], hours.at(-1)]
  const x = (hour: number) => LEFT + ((hour - first) / (last - first)) * (WIDTH - LEFT - RIGHT)
  const lines = wrapped(about, 125)
  const top = 52 + lines.length * 18
  const body = [
    textAt(16, 28, title, 'title'),
    ...lines.map((line, at) => textAt(16, 46 + at * 18, line, 'soft')),
  ]
  for (const [nth, panel] of panels.entries())
    body.push(...panelAt(panel, top + nth * (PANEL + HEAD), nth === panels.length - 1))
  return picture(WIDTH, top + panels.length * (PANEL + HEAD) + 16, title, body, STYLE)

  function panelAt({ title: name, curves }: Panel, from: number, isLast: boolean): string[] {
    const [ceiling, floor] = [from + 22, from + 22 + PANEL - 20]
    const most = Math.max(1, ...curves.flatMap(({ values }) => values))
    const y = (value: number) => floor - (value / most) * (floor - ceiling)
    const parts = [textAt(16, from + 10, name, 'head')]
    if (span)
      parts.push(
        `<rect x="${number(x(span.from))}" y="${ceiling}" width="${number(Math.max(2, x(span.to) - x(span.from)))}" height="${floor - ceiling}" class="span"/>`,
      )
    if (span && isLast) parts.push(textAt(x(span.to) + 4, ceiling + 12, span.what, 'soft'))
    for (const share of [0, 0.5, 1]) {
      parts.push(lineFrom([LEFT, y(most * share)], [WIDTH - RIGHT, y(most * share)], 'rule'))
      parts.push(textAt(LEFT - 6, y(most * share) + 4, short(most * share), 'soft right'))
    }
    for (let hour = Math.ceil(first); hour <= last; hour += 1)
      parts.push(textAt(x(hour), floor + 15, `${String(hour % 24).padStart(2, '0')}:00`, 'soft middle'))
    const labels = curves.map(({ values }) => y(values.at(-1) ?? 0))
    for (const [nth, { name: label, values }] of curves.entries()) {
      parts.push(`<path d="${pathOf(values, x, y, hours)}" class="curve c${nth % COLOURS.length}"/>`)
      const above = labels.slice(0, nth).filter((other) => Math.abs(other - (labels[nth] ?? 0)) < 14).length
      const place = (labels[nth] ?? 0) + 4 - above * 15
      parts.push(textAt(WIDTH - RIGHT + 6, place, label, `t${nth % COLOURS.length}`))
    }
    return parts
  }
}

/** A point where something changes; a straight line needs its ends alone. */
function pathOf(
  values: number[],
  x: (hour: number) => number,
  y: (value: number) => number,
  hours: number[],
) {
  const points = values.flatMap((value, at) =>
    at > 0 && at < values.length - 1 && values[at - 1] === value && values[at + 1] === value
      ? []
      : [`${number(x(hours[at] ?? 0))} ${number(y(value))}`],
  )
  return `M${points.join('L')}`
}

const short = (value: number) =>
  value >= 1e6 ? `${figure(value / 1e6)} M` : value >= 1e4 ? `${figure(value / 1e3)} k` : figure(value)

const STYLE = `
  .span { fill: #a8321f; opacity: 0.12 }
  .curve { fill: none; stroke-width: 1.8; stroke-linejoin: round }
${COLOURS.map(([light], nth) => `  .c${nth} { stroke: ${light} } .t${nth} { fill: ${light}; font-size: 12px }`).join('\n')}
  @media (prefers-color-scheme: dark) {
    .span { fill: #f08d78 }
${COLOURS.map(([, dark], nth) => `    .c${nth} { stroke: ${dark} } .t${nth} { fill: ${dark} }`).join('\n')}
  }`
