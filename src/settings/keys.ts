import { always, setting } from './setting.ts'
import { adminKey, flag, masterKeys, text } from './values.ts'

/** By what it seals and is governed, and whether it is in development. */
export const keys = {
  masterKey: setting({
    env: 'MASTER_KEY',
    parse: masterKeys,
    about:
      'Key that seals what is kept: 32 bytes in base64. Behind it, apart by a space, may stand older ones that still open. Without any of the three one is made under the data folder at the first start.',
    example: '$(head -c 32 /dev/urandom | base64)',
    isHidden: true,
  }),
  masterKeyFile: setting({
    env: 'MASTER_KEY_FILE',
    parse: text,
    about: 'The same in a file. Running servers see within seconds when it changes.',
    example: '/run/secrets/master-key',
  }),
  masterKeyCommand: setting({
    env: 'MASTER_KEY_COMMAND',
    parse: text,
    about:
      'A command that prints the same, so that the key may lie in any store of keys. It runs without a shell, its words apart by spaces, for ten seconds at most.',
    example: 'vault kv get -field=key secret/countersign',
    isHidden: true,
  }),
  adminKey: setting({
    env: 'ADMIN_KEY',
    parse: adminKey,
    about:
      'Bearer key of the operator API, at least 32 characters. Made and printed once at the first start if not given.',
    example: 'in COUNTERSIGN_ADMIN_KEY_FILE: /run/secrets/admin-key',
    isSecret: true,
  }),
  metricsKey: setting({
    env: 'METRICS_KEY',
    parse: adminKey,
    about:
      'Bearer key by which /metrics may be read, and nothing else: at least 32 characters. Without it the admin key alone reads them.',
    example: 'in COUNTERSIGN_METRICS_KEY_FILE: /run/secrets/metrics-key',
    isSecret: true,
  }),
  isDev: always({
    env: 'DEV',
    parse: flag,
    fallback: '0',
    about: 'Development alone: lets endpoints be http, on loopback or on private addresses.',
    example: '1',
  }),
}
