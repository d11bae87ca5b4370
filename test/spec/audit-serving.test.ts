import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditCheckpoint } from '#api/contract.ts'
import { runCommand } from '../support/command.ts'
import { ADMIN_KEY, startServer } from '../support/server.ts'

const headers = { authorization: `Bearer ${ADMIN_KEY}` }

test('a server’s log is exported by the command and over the API, and verifies without the server', async () => {
  await using server = await startServer()
  const person = await server.person({ handle: 'asha' })
  const client = await server.addClient({ user_id: person.userId, notifier_url: 'http://127.0.0.1:9/' })
  await server.openRequest(client)

  const file = join(server.folder, 'audit.ndjson')
  const made = await runCommand(['audit', 'export', '--out', file], server.storeEnv)
  assert.equal(made.code, 0, made.err)
  const key = (await runCommand(['audit', 'key'], server.storeEnv)).out.trim()
  const holds = await runCommand(['audit', 'verify', file, '--key', key])
  assert.equal(holds.code, 0, holds.err)
  assert.match(holds.out, /The log holds/)
  const twice = await runCommand(['audit', 'export', '--out', file], server.storeEnv)
  assert.match(twice.err, /is there already; nothing is written over/)

  const answer = await fetch(`${server.origin}/v1/admin/audit/export`, { headers })
  assert.match(answer.headers.get('content-type') ?? '', /^application\/x-ndjson/)
  const later = join(server.folder, 'later.ndjson')
  await writeFile(later, await answer.text())
  const listed = await fetch(`${server.origin}/v1/admin/audit/checkpoints`, { headers })
  const page = (await listed.json()) as { key: string; checkpoints: AuditCheckpoint[]; next: number | null }
  assert.equal(page.key, key)
  assert.ok(page.checkpoints.length >= 2)
  const kept = join(server.folder, 'kept.json')
  await writeFile(kept, JSON.stringify(page))
  const agreed = await runCommand(['audit', 'verify', later, '--known', file, '--known', kept])
  assert.equal(agreed.code, 0, agreed.err)
  assert.match(agreed.out, /known checkpoints {2}\d agree/)
  // Who took the log along is in the log.
  assert.match(await readFile(later, 'utf8'), /"detail":"sealed".*"kind":"events_exported"/)

  // The earlier file lacks what is known by now; one byte of the later one makes it another log.
  assert.equal((await runCommand(['audit', 'verify', file, '--known', kept])).code, 1)
  await writeFile(later, (await readFile(later, 'utf8')).replace('"actor":"client"', '"actor":"system"'))
  const changed = await runCommand(['audit', 'verify', later])
  assert.equal(changed.code, 1)
  assert.match(changed.err, /Entry \d+ was changed\./)
})

test('without the admin key nothing of the log is given; what is no time is refused', async () => {
  await using server = await startServer()
  for (const path of ['checkpoints', 'export'])
    assert.equal((await fetch(`${server.origin}/v1/admin/audit/${path}`)).status, 401)
  for (const query of ['from=yesterday', 'to=-1'])
    assert.equal(
      (await fetch(`${server.origin}/v1/admin/audit/export?${query}`, { headers })).status,
      400,
      query,
    )
  const wrong = await runCommand(['audit', 'export', '--from', 'yesterday'], server.storeEnv)
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /is no time/)
  const absent = await runCommand(['audit', 'verify', '/nowhere/audit.ndjson'])
  assert.match(absent.err, /cannot be read/)
})

test('a part is taken by its time, on the command line and over the API', async () => {
  await using server = await startServer()
  await server.addUser()
  await fetch(`${server.origin}/v1/admin/audit/export`, { headers }).then((answer) => answer.text())
  await new Promise((resolve) => setTimeout(resolve, 20))
  const since = Date.now()
  await server.addUser()
  const answer = await fetch(`${server.origin}/v1/admin/audit/export?from=${since}`, { headers })
  const text = await answer.text()
  const file = join(server.folder, 'part.ndjson')
  await writeFile(file, text)
  const verdict = await runCommand(['audit', 'verify', file])
  assert.equal(verdict.code, 0, verdict.err)
  assert.match(verdict.out, /not in this file {3}the first \d+, sealed by/)
  const piped = await runCommand(
    ['audit', 'export', '--from', new Date(since).toISOString()],
    server.storeEnv,
  )
  assert.equal(piped.out, text)
})
