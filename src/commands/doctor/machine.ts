import { stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Config, SettingError } from '../../config.ts'
import { keySourceOf } from '../../master-key.ts'
import { type Finding, sentenceOf } from './finding.ts'

const LEAST_FREE_BYTES = 500 * 1024 * 1024

/** Room where the store lies. @param least bytes that must be free */
export async function diskFinding(data: string, least = LEAST_FREE_BYTES): Promise<Finding> {
  const what = 'disk'
  const folder = await nearest(resolve(data))
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const say = `${Math.round(free / 1024 ** 2)} MiB free under ${folder}`
  if (free >= least) return { state: 'ok', what, say }
  return { state: 'bad', what, say: `${say}. Make room: a full disk stops every write.` }
}

/** A folder that is not made yet will be on the disk of the one around it. */
async function nearest(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  return isThere || dirname(path) === path ? path : nearest(dirname(path))
}

const OTHERS = 0o077

/** Whether others on this machine can read what the master key lies in. */
export async function keyFileFinding(config: Config): Promise<Finding> {
  const what = 'master key file'
  try {
    const { ownFile, name } = keySourceOf(config)
    const path = ownFile ?? config.masterKeyFile
    if (!path) return { state: 'ok', what, say: `none; the key comes from ${name}` }
    const { mode } = await stat(path)
    const shown = (mode & 0o777).toString(8)
    if ((mode & OTHERS) === 0) return { state: 'ok', what, say: `${path}, readable to its owner alone` }
    // A secret that a container runtime mounts has the rights that the runtime gives it, inside of a folder of its own.
    const state = ownFile ? 'bad' : 'look'
    return { state, what, say: `${path} has the rights ${shown}; others may read it. Run: chmod 600 ${path}` }
  } catch (fault) {
    if (fault instanceof SettingError) return { state: 'bad', what, say: fault.message }
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT' && !config.masterKeyFile)
      return { state: 'off', what, say: 'not there; it is made with the store' }
    return { state: 'bad', what, say: `${sentenceOf(fault)}. The server must be able to read it.` }
  }
}
