import { type Config, readConfig } from '../config.ts'
import { clockFinding } from './doctor/clock.ts'
import { allowedFinding, endpointsFinding, wayOutFinding } from './doctor/endpoints.ts'
import type { Finding } from './doctor/finding.ts'
import { diskFinding, keyFileFinding } from './doctor/machine.ts'
import { mtlsFinding } from './doctor/mtls.ts'
import { lookAtProvider } from './doctor/provider.ts'
import { lookAtPublicUrl } from './doctor/public-url.ts'
import { pagesFinding, settingsFindings } from './doctor/settings.ts'
import { lookIntoStore } from './doctor/store.ts'
import { lookAtWhatsapp, templatesFinding } from './doctor/whatsapp.ts'
import { PAGES_FOLDER } from './pages-folder.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign doctor [--json]

Looks at settings, store, keys, disk, clock, pages, the public address with its certificate, the way to endpoints, and
channels with their credentials; says what to do about each thing that is amiss. Nothing is sent to anybody, and nothing
is changed but that a store which is not there yet is made.

  ok    nothing to do              off   works without it
  soon  works, but not for long    look  works, but something may be wrong
  bad   must be mended

Exits with 1 if anything is bad.

  --json   print {"ok", "findings": [{"state", "what", "say"}]}
`

/** `countersign doctor` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { json: { type: 'boolean' } })
  if (!words) return 0
  const findings = await examine(readConfig(process.env))
  const ok = findings.every(({ state }) => state !== 'bad')
  process.stdout.write(
    words.values.json
      ? `${JSON.stringify({ ok, findings }, null, 2)}\n`
      : findings.map(({ state, what, say }) => `${state.padEnd(4)} ${what}: ${say}\n`).join(''),
  )
  return ok ? 0 : 1
}

/** Looks at everything, in the order in which it is told. */
export async function examine(config: Config): Promise<Finding[]> {
  const [store, publicUrl, whatsapp, templates, provider, allowed, wayOut] = await Promise.all([
    lookIntoStore(config),
    lookAtPublicUrl(config),
    lookAtWhatsapp(config),
    templatesFinding(config),
    lookAtProvider(config),
    allowedFinding(config),
    wayOutFinding(config),
  ])
  return [
    ...settingsFindings(config),
    publicUrl.finding,
    await mtlsFinding(config),
    ...store.findings,
    // After the store is opened: a first look makes the folder and the key.
    await keyFileFinding(config),
    await diskFinding(config.data),
    clockFinding([
      ...(store.time ? [store.time] : []),
      ...publicUrl.times,
      ...whatsapp.times,
      ...provider.times,
    ]),
    pagesFinding(PAGES_FOLDER),
    whatsapp.finding,
    templates,
    provider.finding,
    allowed,
    wayOut,
    await endpointsFinding(config, store.endpoints),
  ]
}
