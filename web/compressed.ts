import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

/** Below this, packing a file saves no packet on the way. */
const WORTHWHILE_BYTES = 1_000
/** What is served as a file; the page itself is smaller than a packet. */
const TEXT = /^(assets[/\\].*\.(js|css|svg|json)|sw\.js)$/
/** These come as Brotli, which all browsers take; for the few programs that take gzip alone the server packs them once. */
const DOCUMENT = /^(docs[/\\].*\.(html|md)|openapi\.json|llms(-full)?\.txt)$/

/** Packs the files of the pages as small as they go, once at the build, so that serving them costs no processor time. */
export const compressed = (): Plugin => ({
  name: 'countersign-compressed',
  apply: 'build',
  async writeBundle({ dir }) {
    const folder = dir ?? ''
    const names = await readdir(folder, { recursive: true })
    const packAll = (some: RegExp, ...ways: Way[]) =>
      Promise.all(names.filter((name) => some.test(name)).map((name) => pack(join(folder, name), ways)))
    await Promise.all([packAll(TEXT, brotli, gzipped), packAll(DOCUMENT, brotli)])
  },
})

interface Way {
  suffix: string
  pack(file: Buffer): Promise<Buffer>
}

const brotli: Way = {
  suffix: '.br',
  pack: (file) =>
    promisify(brotliCompress)(file, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: file.length } }),
}
const gzipped: Way = { suffix: '.gz', pack: (file) => promisify(gzip)(file, { level: 9 }) }

async function pack(path: string, ways: Way[]): Promise<void> {
  const file = await readFile(path)
  if (file.length < WORTHWHILE_BYTES) return
  await Promise.all(ways.map(async (way) => writeFile(`${path}${way.suffix}`, await way.pack(file))))
}
