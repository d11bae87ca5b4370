import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

const DOCS = new URL('../../docs/', import.meta.url)

/** Makes the documents that are served beside the pages. */
export const documents = (): Plugin => ({
  name: 'countersign-documents',
  apply: 'build',
  async generateBundle() {
    const source = await readFile(new URL('openapi.json', DOCS), 'utf8')
    this.emitFile({ type: 'asset', fileName: 'openapi.json', source })
  },
})
