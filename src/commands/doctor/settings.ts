import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config.ts'
import type { Finding } from './finding.ts'

/** Looks at what the settings say, without asking anybody. */
export const settingsFindings = (config: Config): Finding[] => [address(config), development(config)]

function address({ url, isDev, port }: Config): Finding {
  const what = 'address'
  if (!url) {
    const say = `people on this machine only, at http://localhost:${port}. Set COUNTERSIGN_URL.`
    return { state: 'off', what, say }
  }
  if (url.startsWith('https:') || isDev) return { state: 'ok', what, say: url }
  return { state: 'bad', what, say: `${url} is not https. Passkeys need https on every host but localhost.` }
}

function development({ isDev }: Config): Finding {
  const what = 'development'
  if (!isDev) return { state: 'ok', what, say: 'off' }
  const say = 'COUNTERSIGN_DEV=1 lets tokens be sent anywhere. Unset it on a real server.'
  return { state: 'bad', what, say }
}

/** @param folder of the built pages */
export function pagesFinding(folder: string): Finding {
  return existsSync(join(folder, 'index.html'))
    ? { state: 'ok', what: 'pages', say: 'built' }
    : { state: 'bad', what: 'pages', say: 'not built yet. Run: npm run build' }
}
