import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openChromium } from '../../test/support/chromium.ts'
import { type CpuProfile, flameSvg } from './flame.ts'

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
  children,
})
const profile: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 5, 6]),
    node(2, 'open<Request>', 'file:///home/someone/src/requests/open.ts', [3, 4]),
    node(3, 'run', 'file:///home/someone/src/store/sqlite.ts'),
    node(4, 'tiny', 'file:///home/someone/src/requests/open.ts'),
    node(5, '(garbage collector)', ''),
    node(6, '(idle)', ''),
  ],
  samples: [3, 3, 5, 4, 6, 2],
  // The time of a sample lasts until the next one.
  timeDeltas: [0, 300, 300, 300, 1, 5_000, 99],
}

const chromium = await openChromium()
after(() => chromium.close())

test('a profile becomes a flame graph: widths by time, rest and small frames left out, colours by room', async () => {
  const page = await chromium.newPage()
  const svg = flameSvg([profile], 'open & shut')
  const seen = await page.evaluate((text) => {
    const document = new DOMParser().parseFromString(text, 'image/svg+xml')
    return {
      fault: document.querySelector('parsererror')?.textContent,
      frames: [...document.querySelectorAll('g')].map((each) => ({
        title: each.querySelector('title')?.textContent ?? '',
        width: Number(each.querySelector('rect')?.getAttribute('width')),
        room: each.querySelector('rect')?.getAttribute('class'),
      })),
    }
  }, svg)
  assert.equal(seen.fault, undefined)
  assert.ok(!svg.includes('/home/someone'))
  const titled = (start: string) => seen.frames.find(({ title }) => title.startsWith(start))
  const [all, open, run, gc] = ['all', 'open<Request>', 'run', '(garbage'].map(titled)
  assert.equal(open?.title, 'open<Request> src/requests/open.ts:10 70.0 %')
  assert.deepEqual(
    [open, run, gc].map((frame) => frame?.room),
    ['countersign', 'store', 'garbage'],
  )
  assert.ok(Math.abs((run?.width ?? 0) / (all?.width ?? 1) - 0.6) < 0.001)
  assert.equal(titled('tiny'), undefined)
  assert.equal(titled('(idle)'), undefined)
})
