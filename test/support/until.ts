import { setTimeout as pause } from 'node:timers/promises'

/** Looks every few milliseconds until it is so. @throws Error once the limit, in milliseconds, is over */
export async function until(isSo: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${isSo} did not come about in ${limitMs} ms.`)
    await pause(20)
  }
}
