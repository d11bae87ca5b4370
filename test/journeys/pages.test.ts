import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startServer } from '../support/server.ts'

const DIST = new URL('../../web/dist/', import.meta.url)
const index = await readFile(new URL('index.html', DIST), 'utf8')
const linked = (pattern: RegExp) => [...index.matchAll(pattern)].map(([, path]) => path ?? '')
const scripts = linked(/(?:<script [^>]*src|<link rel="modulepreload" [^>]*href)="([^"]+\.js)"/g)
const styles = linked(/<link rel="stylesheet" [^>]*href="([^"]+\.css)"/g)

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
  "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types sw"

const pages = [
  '/',
  '/enrol',
  '/sign-in',
  '/recover',
  '/r/req_1',
  '/tokens',
  '/history',
  '/security',
  '/alerts',
  '/apps',
  '/nowhere',
]
for (const path of pages) {
  test(`no page runs or calls what is not ours: ${path}`, async () => {
    await using server = await startServer()
    const answer = await fetch(`${server.origin}${path}`, { headers: { accept: 'text/html' } })

    assert.equal(answer.status, path === '/nowhere' ? 404 : 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/html/)
    assert.equal(answer.headers.get('content-security-policy'), POLICY)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
    assert.equal(answer.headers.get('cache-control'), 'no-cache')
    assert.equal(await answer.text(), index)
  })
}

test('the files of the pages never change under their name, so they are fetched once', async () => {
  await using server = await startServer()
  for (const path of [...scripts, ...styles]) {
    const answer = await fetch(`${server.origin}${path}`)
    assert.equal(answer.status, 200, path)
    assert.match(path, /^\/assets\/[\w-]+-[\w-]{8}\.(js|css)$/)
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('the service worker keeps its address, is asked for anew each time, and obeys the policy of the pages', async () => {
  await using server = await startServer()
  const answer = await fetch(`${server.origin}/sw.js`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /javascript/)
  assert.equal(answer.headers.get('cache-control'), 'no-cache')
  assert.equal(answer.headers.get('content-security-policy'), POLICY)
  assert.doesNotMatch(await answer.text(), /^import\b/m)
})

test('the page can be put on a home screen: its manifest names icons that are there', async () => {
  await using server = await startServer()
  const answer = await fetch(`${server.origin}/manifest.webmanifest`)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/manifest\+json/)
  const { display, icons } = await answer.json()
  assert.equal(display, 'standalone')
  for (const { src } of icons) {
    const icon = await fetch(`${server.origin}${src}`)
    assert.equal(icon.headers.get('content-type'), 'image/png', src)
  }
})

test('the first load is small: 25 kB of script and 8 kB of style, compressed', async () => {
  assert.ok(scripts.length > 0 && styles.length > 0)
  const texts = await Promise.all((await firstTexts()).map((each) => compressed([each])))
  const script = (await compressed(scripts)) + Math.max(...texts)
  assert.ok(texts.length >= 2 && script <= 25_000, `script: ${script} bytes`)
  assert.ok((await compressed(styles)) <= 8_000, `style: ${await compressed(styles)} bytes`)
})

test('nothing in a page is inline', () => {
  assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|\sstyle=|javascript:|data:/i)
})

async function compressed(paths: string[]): Promise<number> {
  const files = await Promise.all(paths.map((path) => readFile(new URL(`.${path}`, DIST))))
  return files.reduce((sum, file) => sum + gzipSync(file).length, 0)
}

/** The texts of the first load, in each language. */
async function firstTexts(): Promise<string[]> {
  const files = (await readdir(new URL('assets/', DIST))).filter((name) =>
    /^[a-z]{2}-[\w-]{8}\.js$/.test(name),
  )
  const texts = await Promise.all(
    files.map(async (name) => ({ name, text: await readFile(new URL(`assets/${name}`, DIST), 'utf8') })),
  )
  return texts.filter(({ text }) => text.includes('inbox.title')).map(({ name }) => `/assets/${name}`)
}
