import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { addressOf, readPages } from '../../web/docs/page.ts'
import { renderPage } from '../../web/docs/render.ts'
import { readWays } from '../../web/docs/states.ts'
import { startServer } from '../support/server.ts'

const pages = await readPages()
const rendered = new Map(pages.map((page) => [addressOf(page), renderPage(page.name, page.markdown)]))
/** Beside the pages, what a link may lead to on the same server. */
const OTHERS = new Set(['/openapi.json', '/llms.txt', '/llms-full.txt', '/', '/apps', '/security', '/tokens'])
const SOURCE = new URL('../../', import.meta.url)

describe('the documents', () => {
  test('every link leads somewhere, and every section that is linked to is there', () => {
    const broken: string[] = []
    for (const [address, { links }] of rendered) {
      for (const link of links) {
        if (/^(https?|mailto):/.test(link)) continue
        const { pathname, hash } = new URL(link, `http://docs${address}`)
        const target = rendered.get(pathname)
        const id = decodeURIComponent(hash.slice(1))
        if (!target && !OTHERS.has(pathname)) broken.push(`${address}: ${link}`)
        else if (id && !target?.sections.some((each) => each.id === id)) broken.push(`${address}: ${link}`)
      }
    }
    assert.deepEqual(broken, [])
  })

  test('every file of the repository that is named by a link is there', async () => {
    for (const { files } of rendered.values()) for (const file of files) await access(new URL(file, SOURCE))
  })

  test('nothing in a page is inline', () => {
    for (const [address, { html }] of rendered) {
      assert.doesNotMatch(html, /<script|<style|\s(on\w+|style)=["']|href="(javascript|data):/i, address)
    }
  })

  test('every page is served, also as Markdown at the same address, and is listed in llms.txt', async () => {
    await using server = await startServer()
    const get = (path: string, headers = {}) =>
      fetch(`${server.origin}${path}`, { headers, redirect: 'manual' })
    const listed = await (await get('/llms.txt')).text()
    const whole = await (await get('/llms-full.txt')).text()
    for (const page of pages) {
      const address = addressOf(page)
      const [html, markdown] = [await get(address), await get(`${address}.md`)]
      assert.equal(html.status, 200, address)
      assert.match(html.headers.get('content-type') ?? '', /^text\/html/)
      assert.match(html.headers.get('content-security-policy') ?? '', /require-trusted-types-for 'script'/)
      assert.equal(markdown.status, 200, `${address}.md`)
      assert.match(markdown.headers.get('content-type') ?? '', /^text\/markdown/)
      assert.equal(await markdown.text(), page.markdown)
      assert.ok(listed.includes(`(${address}.md)`), `${address} is not in llms.txt`)
      assert.ok(whole.includes(page.markdown.trim()), `${address} is not in llms-full.txt`)
    }
    const drawn = await (await get('/docs/scaling')).text()
    const pictures = [...drawn.matchAll(/<img src="([^"]+)" alt="[^"]+"/g)].map(([, path = '']) => path)
    assert.equal(pictures.length, 5)
    for (const path of pictures)
      assert.match((await get(path)).headers.get('content-type') ?? '', /^image\/svg/, path)
    assert.equal((await get('/docs/')).headers.get('location'), '/docs')
    for (const path of [
      '/docs/none',
      '/docs/..%2findex',

      '/docs/a/b/c',
      '/docs/x.html',
    ]) {
      assert.equal((await get(path)).status, 404, path)
    }
  })

  test('without built pages it is said what to do', async () => {
    await using server = await startServer({ pages: '/nowhere' })
    const answer = await fetch(`${server.origin}/docs`)
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /npm run build/)
  })
})

test('the lives that are drawn hold every state that the store lets in, and no other', async () => {
  const page = pages.find(({ name }) => name === 'architecture')
  const store = await readFile(new URL('src/store/migrations/0001-start.sqlite.sql', SOURCE), 'utf8')
  const tables = {
    request: 'token_requests',
    token: 'tokens',
    delivery: 'deliveries',
    attempt: 'delivery_attempts',
    notice: 'notices',
  }
  for (const [life, table] of Object.entries(tables)) {
    const [, drawn = ''] = new RegExp(`\`\`\`states ${life}\\n([^\`]+)`).exec(page?.markdown ?? '') ?? []
    const states = new Set(readWays(drawn).flatMap(({ from, to }) => [from, to]))
    // Nobody writes down that the time of a token is over; it is seen by the clock.
    if (life === 'token') states.delete('expired')
    const [, body = ''] = new RegExp(`create table ${table} \\(([\\s\\S]+?)\\n\\)`).exec(store) ?? []
    const [, list = ''] = /state in \(([^)]+)\)/.exec(body) ?? []
    const allowed = [...list.matchAll(/'(\w+)'/g)].map(([, state]) => state ?? '')
    assert.deepEqual([...states].toSorted(), allowed.toSorted(), life)
  }
})

test('the README points to documents that are there', async () => {
  const readme = await readFile(new URL('README.md', SOURCE), 'utf8')
  for (const [, path = ''] of readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
    await access(new URL(path, SOURCE))
})
