#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { Refusal, StoreUnavailable } from '#base/errors.ts'

// Type stripping and compiling are done once for each release, not at each start.
enableCompileCache()

const COMMANDS = {
  serve: { about: 'start the server', load: () => import('./commands/serve.ts') },
  demo: { about: 'show the whole flow on a temporary store', load: () => import('./commands/demo.ts') },
  user: { about: 'add an account holder', load: () => import('./commands/user.ts') },
  client: { about: 'register an app that asks', load: () => import('./commands/client.ts') },
  listen: {
    about: 'take deliveries of a test app on this machine',
    load: () => import('./commands/listen.ts'),
  },
  keys: { about: 'change the master key while servers run', load: () => import('./commands/keys.ts') },
  evidence: {
    about: 'check the proof of an approval, offline',
    load: () => import('./commands/evidence.ts'),
  },
  audit: {
    about: 'export the audit log, and check it offline',
    load: () => import('./commands/audit.ts'),
  },
  migrate: {
    about: 'bring the store to the form of this release',
    load: () => import('./commands/migrate.ts'),
  },
  backup: {
    about: 'copy the embedded store to a file while servers run',
    load: () => import('./commands/backup.ts'),
  },
  restore: {
    about: 'put such a copy in the place of a store',
    load: () => import('./commands/restore.ts'),
  },
  doctor: {
    about: 'look for what is missing or wrong, and say what to do',
    load: () => import('./commands/doctor.ts'),
  },
} as const

const HELP = `Countersign: ask for an access token by API; the account holder approves with a passkey.

Usage: countersign COMMAND [OPTIONS]

${Object.entries(COMMANDS)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

“countersign COMMAND --help” tells more of each.
`

const [name = '', ...rest] = process.argv.slice(2)
if (name === '' || name === '--help' || name === '-h' || name === 'help') {
  process.stdout.write(HELP)
} else if (!Object.hasOwn(COMMANDS, name)) {
  process.stderr.write(`There is no command “${name}”.\n\n${HELP}`)
  process.exitCode = 2
} else {
  try {
    const { run } = await COMMANDS[name as keyof typeof COMMANDS].load()
    process.exitCode = await run(rest)
  } catch (fault) {
    process.stderr.write(`${sentence(fault)}\n`)
    process.exitCode = 1
  }
}

/** What a person at a terminal can act on is said in a sentence; only what nobody foresaw comes with its stack. */
function sentence(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault)
  const isForPeople =
    fault instanceof Refusal ||
    fault instanceof StoreUnavailable ||
    ['SettingError', 'UsageError'].includes(fault.name)
  if (isForPeople) return fault.message
  if ('code' in fault && fault.code === 'EADDRINUSE')
    return 'The port is taken. Set COUNTERSIGN_PORT to another one.'
  if ('code' in fault && (fault.code === 'EACCES' || fault.code === 'EROFS' || fault.code === 'ENOSPC')) {
    return `${fault.message}. Check COUNTERSIGN_DATA and COUNTERSIGN_PORT.`
  }
  return fault.stack ?? fault.message
}
