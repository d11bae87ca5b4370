import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openChromium } from '../../test/support/chromium.ts'
import { chartSvg } from './chart.ts'
import { atLeast, type Report, spread } from './figures.ts'
import { reportText } from './print.ts'

const RATE = 'answers/s'
const report: Report = {
  name: 'open',
  about: 'a <request> & its "floor"',
  rows: [
    { variant: 'countersign', answers: 30, [RATE]: spread([400, 500, 600]) },
    { variant: 'floor <bare> & small', answers: 60, [RATE]: spread([1_000, 900, 1_100]) },
    { variant: 'nothing to compare', answers: 0, [RATE]: spread([Number.NaN]) },
  ],
  peers: ['floor <bare> & small'],
  bars: [atLeast('answers a second', 500, 600, { column: RATE })],
}

const chromium = await openChromium()
after(() => chromium.close())

test('a report becomes a picture: bars in proportion, whiskers, the goal, and every text as it was', async () => {
  const svg = chartSvg(report, 'a machine with "2" cores \u0007')
  const page = await chromium.newPage()
  const seen = await page.evaluate((text) => {
    const document = new DOMParser().parseFromString(text, 'image/svg+xml')
    const all = (selector: string) => [...document.querySelectorAll(selector)]
    const reach = (name: string) => (element: Element) => Number(element.getAttribute(name))
    return {
      fault: document.querySelector('parsererror')?.textContent,
      root: document.documentElement.namespaceURI,
      ours: all('rect.ours').map(reach('width')),
      peers: all('rect.peer').map(reach('width')),
      barsBegin: all('rect.ours, rect.peer').map(reach('x')),
      whiskers: all('line.whisker').map((line) => [reach('x1')(line), reach('x2')(line)]),
      goals: all('line.goal').map(reach('x1')),
      texts: all('text').map((each) => each.textContent),
    }
  }, svg)

  assert.equal(seen.fault, undefined)
  assert.equal(seen.root, 'http://www.w3.org/2000/svg')
  const [ours = 0, peer = 0, begin = 0] = [seen.ours[0], seen.peers[0], seen.barsBegin[0]]
  assert.equal(seen.ours.length + seen.peers.length, 2)
  assert.ok(Math.abs(peer / ours - 2) < 0.01, `${peer} is twice ${ours}`)
  const pixel = ours / 500
  const near = (place: number | undefined, value: number) =>
    assert.ok(Math.abs((place ?? 0) - begin - value * pixel) < 0.5, `${place} stands for ${value}`)
  near(seen.whiskers[0]?.[0], 400)
  near(seen.whiskers[0]?.[1], 600)
  near(seen.goals[0], 600)
  assert.equal(seen.goals.length, 1)
  for (const text of [
    'a <request> & its "floor"',
    'floor <bare> & small',
    'a machine with "2" cores ',
    '1000',
  ])
    assert.ok(seen.texts.includes(text), text)
})

test('a table shows a figure of several rounds as least / median / greatest', () => {
  assert.match(reportText(report), /\| countersign +\| 30 +\| 400 \/ 500 \/ 600 +\|/)
})
