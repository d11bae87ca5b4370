import { globSync } from 'node:fs'
import { describe } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Paths from the root of the project, in one order everywhere. */
export const testFiles = (pattern: string | string[], exclude: string[] = []): string[] =>
  globSync(pattern, { cwd: ROOT, exclude }).sort()

/**
 * Runs test files in this process, one after the other, each as a suite that bears its path: to load a server for each
 * file is more work than most files are. All are read before the first of them runs: what a file begins with is begun in
 * its `before`.
 *
 * @param part takes each nth file alone, so that groups of about one length can run side by side
 */
export function runTogether(files: readonly string[], part: { nth: number; of: number } = { nth: 1, of: 1 }) {
  for (const [i, file] of files.entries()) {
    if (i % part.of !== part.nth - 1) continue
    describe(file, async () => {
      await import(pathToFileURL(`${ROOT}${file}`).href)
    })
  }
}

/** Of `test/stores`, those that are no suite of elsewhere once more: they choose their engines themselves. */
export const CHOOSES_ENGINES = ['move', 'outage', 'readiness', 'store', 'upgrade'].map(
  (name) => `test/stores/${name}.test.ts`,
)
