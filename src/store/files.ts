import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A name in a folder is on disk only once the folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}

/**
 * Gives a finished draft its name, all at once: whoever looks sees nothing there or the whole file, also after a loss of
 * power.
 *
 * @throws Error with code EEXIST when something has that name already
 */
export async function putInPlace(draft: string, path: string): Promise<void> {
  const file = await open(draft, 'r+')
  await file.sync().finally(() => file.close())
  try {
    await link(draft, path)
    await rm(draft)
  } catch (fault) {
    // Some file systems have no second names for a file.
    if (!NO_LINKS.has((fault as NodeJS.ErrnoException).code ?? '')) throw fault
    await rename(draft, path)
  }
  await syncFolder(path)
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
