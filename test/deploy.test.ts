import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '@redocly/openapi-core'
import { readConfig } from '../src/config.ts'
import { runCommand } from './support/command.ts'

/**
 * No container runtime, no systemd and no proxy runs here. What can be held against the program is: that the settings
 * are ones that it has and takes, that the commands exist, that every path named is there.
 */
const CLONE = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string) => readFile(join(CLONE, path), 'utf8')
const PORT = readConfig({}).port

/** Settings by way of a file are those whose file cannot be read here: that they exist is what is asked. */
function assertSettings(env: Record<string, string>, from: string) {
  const names = Object.keys(env).filter((name) => name.startsWith('COUNTERSIGN_'))
  assert.ok(names.length > 0, from)
  try {
    readConfig(Object.fromEntries(names.map((name) => [name, env[name]])))
  } catch (fault) {
    assert.match(String(fault), /The file of COUNTERSIGN_[A-Z_]+ cannot be read: \/run\/secrets\//, from)
  }
}

interface Service {
  build?: string
  image: string
  environment: Record<string, string>
  secrets?: string[]
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  healthcheck?: object
  read_only?: boolean
  cap_drop?: string[]
  ports?: string[]
}

test('compose names settings, secrets, volumes, services and files that exist', async () => {
  const compose = parseYaml(await read('compose.yaml')) as {
    services: Record<string, Service>
    secrets: Record<string, { file: string }>
    volumes: Record<string, null>
  }
  const dockerfile = await read('Dockerfile')
  for (const [name, service] of Object.entries(compose.services)) {
    for (const secret of service.secrets ?? []) assert.ok(secret in compose.secrets, `${name}: ${secret}`)
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':')
      assert.ok(source.startsWith('./') ? existsSync(join(CLONE, source)) : source in compose.volumes, volume)
    }
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const target = compose.services[other]
      assert.ok(target, `${name}: ${other}`)
      if (condition === 'service_healthy') {
        assert.ok(target.healthcheck ?? (target.build && dockerfile.includes('HEALTHCHECK')), other)
      }
    }
    for (const value of Object.values(service.environment)) {
      const [, secret] = /^\/run\/secrets\/(.+)$/.exec(value) ?? []
      if (secret) assert.ok(service.secrets?.includes(secret), `${name}: ${value}`)
    }
  }
  const { countersign, caddy } = compose.services
  assert.ok(countersign?.read_only && countersign.cap_drop?.includes('ALL'))
  assert.equal(countersign.ports, undefined, 'only the proxy is reached from outside')
  const environment = { ...countersign.environment }
  environment.COUNTERSIGN_URL = (environment.COUNTERSIGN_URL ?? '').replace(
    /\$\{SITE[^}]*\}/,
    'sign.example.com',
  )
  for (const [name, value] of Object.entries(environment))
    assertSettings({ [name]: value }, `compose.yaml: ${name}`)
  assert.equal(caddy?.environment.UPSTREAM, `countersign:${PORT}`)
  for (const { file } of Object.values(compose.secrets))
    assert.ok((await read('docs/install.md')).includes(file.slice(2)))
})

test('the image runs as nobody in particular, from paths that the build makes, and says whether it is ready', async () => {
  const text = await read('Dockerfile')
  const runtime = text.slice(text.lastIndexOf('\nFROM '))
  assert.match(runtime, /^USER node$/m)
  assert.ok(runtime.indexOf('USER node') < runtime.indexOf('ENTRYPOINT'))
  for (const [, path = ''] of runtime.matchAll(/^COPY --from=build \/build\/(\S+) /gm)) {
    assert.ok(path === 'dist' || existsSync(join(CLONE, path)), path)
  }
  const [, settings = ''] = /^ENV (.+)$/m.exec(runtime) ?? []
  assertSettings(
    Object.fromEntries(settings.split(' ').map((each) => each.split('=') as [string, string])),
    'Dockerfile',
  )
  assert.match(runtime, new RegExp(`^EXPOSE ${PORT}$`, 'm'))
  assert.match(runtime, new RegExp(`COUNTERSIGN_PORT \\|\\| ${PORT}\\}/readyz`))
  assert.match(runtime, /^ENTRYPOINT \["node", "bin\/countersign.mjs"\]\nCMD \["serve"\]$/m)
  const [, major] = /^FROM node:(\d+)-/m.exec(runtime) ?? []
  assert.equal(`>=${major}`, JSON.parse(await read('package.json')).engines.node)
  for (const kept of ['secrets', 'data', 'node_modules', '.git'])
    assert.match(
      await read('.dockerignore'),
      new RegExp(`^\\${kept.startsWith('.') ? kept : `b${kept}`}$`, 'm'),
    )
})

test('the unit starts the server as a user of its own that can write to its folder alone', async () => {
  const unit = await read('deploy/countersign.service')
  const values = new Map<string, string>()
  for (const [, key = '', value = ''] of unit.matchAll(/^(\w+)=(.*)$/gm)) values.set(key, value)
  assert.equal(values.get('ExecStart'), '/usr/bin/env countersign serve')
  assertSettings(Object.fromEntries([(values.get('Environment') ?? '').split('=')]), 'countersign.service')
  assert.equal(values.get('Environment'), `COUNTERSIGN_DATA=/var/lib/${values.get('StateDirectory')}`)
  for (const key of ['DynamicUser', 'NoNewPrivileges', 'PrivateTmp', 'ProtectHome', 'RestrictSUIDSGID'])
    assert.equal(values.get(key), 'yes', key)
  assert.equal(values.get('ProtectSystem'), 'strict')
  // V8 makes machine code at run time.
  assert.equal(values.has('MemoryDenyWriteExecute'), false)
})

test('the proxies before it call the port that it listens on, and let streams through', async () => {
  const nginx = await read('deploy/nginx.conf')
  assert.ok(nginx.includes(`proxy_pass http://127.0.0.1:${PORT};`))
  assert.match(nginx, /proxy_buffering off;/)
  assert.match(nginx, /proxy_set_header x-forwarded-for \$remote_addr;/)
  assert.equal(nginx.split('{').length, nginx.split('}').length)
  assert.ok((await read('deploy/Caddyfile')).includes(`{$UPSTREAM:127.0.0.1:${PORT}}`))
})

test('what docs/install.md tells to type and to set exists', async () => {
  const text = await read('docs/install.md')
  const { out } = await runCommand(['--help'])
  const commands = [...out.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name)
  const typed = [
    ...text.matchAll(
      /(?:npx countersign|env countersign|countersign\.mjs|^ {4}countersign|`countersign) (\w+)/gm,
    ),
  ]
  assert.ok(typed.length >= 6)
  for (const [, name] of typed) assert.ok(commands.includes(name ?? ''), name)
  const table = await read('docs/configuration.md')
  for (const [name] of text.matchAll(/COUNTERSIGN_[A-Z_]+/g)) assert.ok(table.includes(`\`${name}\``), name)
  for (const [, path = ''] of text.matchAll(/\]\(([^)#]+)\)/g))
    assert.ok(existsSync(join(CLONE, 'docs', path)), path)
})
