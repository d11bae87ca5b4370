import { always, setting } from './setting.ts'
import { count, countOrNone, databaseUrl, durationOrNone, flag, list, origin, port, text } from './values.ts'

/** Where the server is, and where it keeps what it keeps. */
export const server = {
  configFile: setting({
    env: 'CONFIG_FILE',
    parse: text,
    about:
      'A file of settings, a line each as they stand here (NAME=value). A variable of the environment goes before its line.',
    example: '/etc/countersign.env',
  }),
  port: always({
    env: 'PORT',
    parse: port,
    fallback: '8080',
    about: 'Port to listen on; 0 takes any free one.',
    example: '8080',
  }),
  host: always({
    env: 'HOST',
    parse: text,
    fallback: '127.0.0.1',
    about: 'Address to listen on. Other machines reach the server only if this is one of theirs to reach.',
    example: '0.0.0.0',
  }),
  url: setting({
    env: 'URL',
    parse: origin,
    about:
      'Public origin of the pages and of the API, as people type it. Passkeys are bound to its host name.',
    example: 'https://sign.example.com',
  }),
  data: always({
    env: 'DATA',
    parse: text,
    fallback: './data',
    about: 'Folder of the embedded store and of the keys.',
    example: '/var/lib/countersign',
  }),
  database: setting({
    env: 'DATABASE',
    parse: databaseUrl,
    about: 'Store in PostgreSQL instead of the embedded one. Several nodes may share it.',
    example: 'postgres://countersign:secret@db.example.com/countersign',
    isSecret: true,
  }),
  databasePool: always({
    env: 'DATABASE_POOL',
    parse: count,
    fallback: '10',
    about: 'Connections of this node to PostgreSQL.',
    example: '20',
  }),
  databaseListens: always({
    env: 'DATABASE_LISTEN',
    parse: flag,
    fallback: '1',
    about:
      'Whether to hear of work by LISTEN. 0 behind a pooler that lends connections by transaction; work is then found by a look each second.',
    example: '0',
  }),
  works: always({
    env: 'WORKER',
    parse: flag,
    fallback: '1',
    about:
      'Whether this node does promised work: deliveries, notices, expiry. 0 on a node that only answers calls, while others on the same PostgreSQL do the work.',
    example: '0',
  }),
  overloadCalls: always({
    env: 'OVERLOAD_CALLS',
    parse: countOrNone,
    fallback: '400',
    about:
      'Calls under way in this process from which new asks are turned away (503 with retry-after), and at twice as many all but health and decisions. 0 never does.',
    example: '100',
  }),
  overloadLag: always({
    env: 'OVERLOAD_LAG',
    parse: durationOrNone,
    fallback: '500ms',
    about:
      'The same by how late this process comes to do anything (the lag of its event loop), where that lasts. 0s never does.',
    example: '2s',
  }),
  stopDelay: always({
    env: 'STOP_DELAY',
    parse: durationOrNone,
    fallback: '0s',
    about:
      'How long calls are still taken after the order to stop, while /readyz says 503 already: as long as a load balancer needs to notice.',
    example: '5s',
  }),
  logCalls: always({
    env: 'LOG_CALLS',
    parse: flag,
    fallback: '0',
    about:
      'Whether each HTTP call is logged with its route, status and time. What becomes of requests and deliveries is logged anyway.',
    example: '1',
  }),
  trustProxy: setting({
    env: 'TRUST_PROXY',
    parse: list,
    about: 'Addresses of the reverse proxies in front, whose x-forwarded-for is believed.',
    example: '10.0.0.0/8,127.0.0.1',
  }),
}
