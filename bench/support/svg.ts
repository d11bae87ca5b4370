/** The pictures' common paper: readable in light and dark, by the system's own fonts, with nothing fetched. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1d1c19 }
  .title { font-weight: 600; font-size: 15px }
  .head { font-weight: 600 }
  .soft { fill: #66635b; font-size: 12px }
  .right { text-anchor: end }
  .middle { text-anchor: middle }
  .paper { fill: #fffefb }
  .ours { fill: #1b6b43 }
  .peer { fill: #bcb8ad }
  .edge { stroke: #fffefb; stroke-width: 4 }
  .whisker { stroke: #1d1c19; stroke-width: 1.4 }
  .goal { stroke: #a8321f; stroke-width: 2; stroke-dasharray: 4 3 }
  .rule { stroke: #dcd8cd }
  @media (prefers-color-scheme: dark) {
    text { fill: #ece9e1 }
    .soft { fill: #a5a198 }
    .paper { fill: #171613 }
    .ours { fill: #52b483 }
    .peer { fill: #5d5a53 }
    .edge { stroke: #171613 }
    .whisker { stroke: #ece9e1 }
    .goal { stroke: #f08d78 }
    .rule { stroke: #3a3833 }
  }`

/** A whole picture of this size; `style` comes on top of the common one. */
export function picture(width: number, height: number, title: string, body: string[], style = ''): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
${body.join('\n')}
</svg>
`
}

export const textAt = (x: number, y: number, text: string, kind = '') =>
  `<text x="${number(x)}" y="${number(y)}"${kind && ` class="${kind}"`}>${escaped(text)}</text>`

export const lineFrom = (from: [number, number], to: [number, number], kind: string) =>
  `<line x1="${number(from[0])}" y1="${number(from[1])}" x2="${number(to[0])}" y2="${number(to[1])}" class="${kind}"/>`

/** A place in the picture, in pixels, to a tenth. */
export const number = (value: number) => String(Math.round(value * 10) / 10)

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text as XML 1.0 may hold it (§2.2, §2.4): signs of the markup escaped, control characters left out. */
export const escaped = (text: string) =>
  [...text]
    .filter((sign) => sign >= ' ' || sign === '\t' || sign === '\n')
    .map((sign) => ESCAPES[sign] ?? sign)
    .join('')

/** Lines of no more than so many signs, broken at spaces. */
export function wrapped(text: string, most: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last && last.length + 1 + word.length > most) lines.push(word)
    else lines[lines.length - 1] = last ? `${last} ${word}` : word
  }
  return lines
}
