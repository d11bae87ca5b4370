import { stat } from 'node:fs/promises'

const [MEGABYTE, PAUSE_MS] = [1024 * 1024, 500]

/** Says how far work on bytes has come: at the beginning, at the end, and twice a second between. */
export function sayProgress(what: string) {
  let saidAt = Number.NEGATIVE_INFINITY
  return (done: number, total: number) => {
    if (done < total && performance.now() - saidAt < PAUSE_MS) return
    saidAt = performance.now()
    process.stdout.write(`  ${what} ${inMegabytes(done)} of ${inMegabytes(total)} MB\n`)
  }
}

/** How large a file is. */
export const megabytes = async (path: string): Promise<string> => `${inMegabytes((await stat(path)).size)} MB`

const inMegabytes = (bytes: number) => (bytes / MEGABYTE).toFixed(1)
