import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import chromium from '@sparticuz/chromium'
import { chromium as playwright } from 'playwright-core'

/** A real Chromium, as its users have it. */
export const openChromium = async () =>
  playwright.launch({
    executablePath: await unpackedChromium(),
    // Without a graphics card, real or played, a page takes a quarter less work.
    args: [...chromium.args.filter((arg) => !UNLIKE_A_REAL_BROWSER.test(arg)), '--disable-gpu'],
    headless: true,
  })

/** Of the flags for small cloud functions: these would drop `origin` headers, put all pages into one process, or play a graphics card. */
const UNLIKE_A_REAL_BROWSER =
  /^--(use-gl|use-angle|enable-unsafe-swiftshader|ignore-gpu-blocklist|disable-web-security|single-process|no-zygote|in-process-gpu|allow-running-insecure-content|disable-site-isolation-trials|headless|disable-features=)/

/** Unpacks Chromium once a machine. Test files run side by side: each would unpack to its own place, and one wins. */
async function unpackedChromium(): Promise<string> {
  const about = await readFile(findPackageJSON('@sparticuz/chromium', import.meta.url) ?? '', 'utf8')
  const folder = join(tmpdir(), `countersign-chromium-${JSON.parse(about).version}`)
  const executable = join(folder, 'chromium')
  if (existsSync(executable)) return executable

  const own = await mkdtemp(`${folder}-`)
  const shared = process.env.TMPDIR
  process.env.TMPDIR = own
  await chromium.executablePath()
  if (shared === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = shared
  await rename(own, folder).catch(() => rm(own, { recursive: true }))
  return executable
}
