import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

/** Below this, packing a file saves no packet on the way. */
const WORTHWHILE_BYTES = 1_000
/** What is served as a file; pages and documents are sent from memory. */
const TEXT = /^(assets[/\\].*\.(js|css|svg|json)|sw\.js)$/

/** Packs the files of the pages as small as they go, once at the build, so that serving them costs no processor time. */
export const compressed = (): Plugin => ({
  name: 'countersign-compressed',
  apply: 'build',
  async writeBundle({ dir }) {
    const folder = dir ?? ''
    const names = (await readdir(folder, { recursive: true })).filter((name) => TEXT.test(name))
    await Promise.all(names.map((name) => pack(join(folder, name))))
  },
})

async function pack(path: string): Promise<void> {
  const file = await readFile(path)
  if (file.length < WORTHWHILE_BYTES) return
  const best = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: file.length } }
  await Promise.all([
    promisify(brotliCompress)(file, best).then((small) => writeFile(`${path}.br`, small)),
    promisify(gzip)(file, { level: 9 }).then((small) => writeFile(`${path}.gz`, small)),
  ])
}
