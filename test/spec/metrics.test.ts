import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { parseYaml } from '@redocly/openapi-core'
import { readMetrics } from '../support/metrics.ts'
import type { Person } from '../support/person.ts'
import { isBalanced, namedIn } from '../support/promql.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const METRICS_KEY = 'a-key-that-reads-metrics-and-nothing-else'
let server: TestServer
let person: Person

before(async () => {
  server = await startServer({ env: { COUNTERSIGN_METRICS_KEY: METRICS_KEY, COUNTERSIGN_LOG_CALLS: '1' } })
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const scrape = (authorization?: string) =>
  fetch(`${server.origin}/metrics`, authorization ? { headers: { authorization } } : {})

async function metrics() {
  const answer = await scrape(`Bearer ${METRICS_KEY}`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  return readMetrics(await answer.text())
}

const lines = (message: string) =>
  server.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.message === message)

test('metrics are not open to the public; the key that reads them does nothing else', async () => {
  for (const wrong of [undefined, 'Bearer wrong', `Basic ${METRICS_KEY}`, 'Bearer']) {
    const answer = await scrape(wrong)
    assert.equal(answer.status, 401, wrong)
    assert.equal(((await answer.json()) as { code: string }).code, 'metrics_key_wrong')
  }
  assert.equal((await scrape(`Bearer ${ADMIN_KEY}`)).status, 200)
  const admin = await fetch(`${server.origin}/v1/admin/users`, {
    headers: { authorization: `Bearer ${METRICS_KEY}` },
  })
  assert.equal(admin.status, 401)
})

test('what becomes of requests and deliveries is counted, and logged in one line each, without a secret', async () => {
  const tokens: string[] = []
  await using receiver = await startReceiver((_http, response, nth) => {
    response.statusCode = nth === 1 ? 500 : 200
    response.end('ok')
  })
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const before = await metrics()
  const grown = async (series: string) => ((await metrics()).get(series) ?? 0) - (before.get(series) ?? 0)

  const approved = await server.openRequest(client)
  await person.approve(approved)
  await receiver.received(1)
  const { delivery: card } = await server.requestStatus(client, approved)
  await until(async () => (await grown('countersign_delivery_attempts_total{class="5xx"}')) === 1)
  await person.must('POST', `/v1/me/apps/${client.client_id}/deliveries/${card?.id}/resend`, {})
  for (const { body } of await receiver.received(2)) tokens.push(JSON.parse(body).access_token as string)
  const rejected = await server.openRequest(client)
  await person.must('POST', `/v1/me/requests/${rejected}/reject`, {})
  await until(async () => (await grown('countersign_delivery_attempts_total{class="2xx"}')) === 1)

  const expected = {
    'countersign_requests_opened_total{protocol="upstox"}': 2,
    'countersign_requests_settled_total{protocol="upstox",state="approved"}': 1,
    'countersign_requests_settled_total{protocol="upstox",state="rejected"}': 1,
    'countersign_requests_settled_total{protocol="upstox",state="expired"}': 0,
    'countersign_deliveries_settled_total{kind="token",state="delivered"}': 1,
    countersign_token_delivery_seconds_count: 1,
    countersign_delivery_attempt_seconds_count: 2,
  }
  for (const [series, count] of Object.entries(expected)) assert.equal(await grown(series), count, series)
  const now = await metrics()
  for (const operation of ['query', 'commit'])
    assert.ok((now.get(`countersign_store_seconds_count{operation="${operation}"}`) ?? 0) > 0, operation)
  assert.ok((await grown('countersign_http_responses_total{status="2xx"}')) > 3)
  assert.ok([...now.keys()].some((each) => each.startsWith('nodejs_eventloop_lag_p99_seconds')))
  const engine = server.storeEnv.COUNTERSIGN_DATABASE ? 'postgres' : 'sqlite'
  assert.ok(
    [...now].some(
      ([each, value]) =>
        /^countersign_build_info\{/.test(each) && each.includes(`engine="${engine}"`) && value === 1,
    ),
  )
  for (const hidden of [person.userId, client.client_id, '127.0.0.1'])
    assert.ok(![...now.keys()].some((each) => each.includes(hidden)), hidden)

  const [ended] = lines('A request ended.').filter(({ request }) => request === approved)
  assert.partialDeepStrictEqual(ended, {
    level: 'info',
    request: approved,
    client: client.client_id,
    user: person.userId,
    protocol: 'upstox',
    handover: 'notifier',
    state: 'approved',
  })
  assert.ok(Number(ended?.ms) >= 0)
  const tried = lines('A delivery was attempted.').filter(({ request }) => request === approved)
  assert.deepEqual(
    tried.map(({ attempt, state, class: kind, status }) => [attempt, state, kind, status]),
    [
      [1, 'failed', '5xx', 500],
      [2, 'succeeded', '2xx', 200],
    ],
  )
  const [call] = lines('A call was answered.').filter(({ route }) => route === '/v1/me/requests/:id/reject')
  assert.partialDeepStrictEqual(call, { method: 'POST', status: 200 })
  const log = server.lines.join('')
  assert.equal(new Set(tokens).size, 1)
  for (const secret of [
    ...tokens,
    client.client_secret,
    client.signing_secret,
    METRICS_KEY,
    ADMIN_KEY,
    receiver.url,
  ])
    assert.ok(secret && !log.includes(secret))
})

test('the outbox says how much due work waits, and for how long', async () => {
  await using receiver = await startReceiver((_http, response) => setTimeout(() => response.end('ok'), 300))
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  await person.approve(await server.openRequest(client))
  await receiver.received(1)
  const now = await metrics()
  for (const kind of ['notify', 'deliver', 'expire', 'announce']) {
    assert.ok(now.has(`countersign_outbox_jobs{kind="${kind}",state="due"}`), kind)
    assert.ok(now.has(`countersign_outbox_jobs{kind="${kind}",state="leased"}`), kind)
    assert.ok((now.get(`countersign_outbox_oldest_due_seconds{kind="${kind}"}`) ?? -1) >= 0, kind)
  }
})

describe('what is in deploy/', () => {
  const read = (name: string) => readFile(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')
  /** Labels that Prometheus itself adds. */
  const ITS_OWN = ['job', 'instance', 'le']

  /** Names that are served, and of each label the values that it has. */
  async function served() {
    const labels = new Map<string, Map<string, Set<string>>>()
    for (const series of (await metrics()).keys()) {
      const [name = '', rest = ''] = series.split('{')
      const known = labels.get(name) ?? new Map<string, Set<string>>()
      for (const [, label = '', value = ''] of rest.matchAll(/(\w+)="([^"]*)"/g))
        known.set(label, (known.get(label) ?? new Set()).add(value))
      labels.set(name, known)
    }
    return labels
  }

  async function assertKnown(queries: { where: string; expr: string }[]) {
    const labels = await served()
    for (const { where, expr } of queries) {
      assert.ok(isBalanced(expr), where)
      const { metrics: names, matchers, groups } = namedIn(expr)
      assert.ok(names.size > 0, where)
      for (const name of names) assert.ok(labels.has(name), `${where}: ${name} is not served`)
      const known = new Set([...names].flatMap((name) => [...(labels.get(name)?.keys() ?? [])]))
      for (const label of groups)
        assert.ok(known.has(label) || ITS_OWN.includes(label), `${where}: by ${label}`)
      for (const { metric, label, operator, value } of matchers) {
        if (ITS_OWN.includes(label)) continue
        assert.ok(known.has(label), `${where}: ${label}`)
        const values = labels.get(metric)?.get(label)
        if (!values) continue
        for (const each of operator.includes('~') ? value.split('|') : [value])
          assert.ok(values.has(each), `${where}: ${label}="${each}"`)
      }
    }
  }

  test('every panel of the dashboard asks for what is served', async () => {
    const board = JSON.parse(await read('grafana.json')) as {
      uid: string
      panels: { id: number; title: string; gridPos: object; targets: { expr: string; refId: string }[] }[]
    }
    assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length)
    assert.ok(board.panels.every(({ title, gridPos, targets }) => title && gridPos && targets.length > 0))
    await assertKnown(
      board.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: title, expr }))),
    )
    // What we count is looked at.
    const shown = board.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => [...namedIn(expr).metrics]),
    )
    const ours = [...(await served()).keys()].filter((name) => name.startsWith('countersign_'))
    for (const name of ours) {
      const base = name.replace(/_(sum|count|bucket)$/, '')
      assert.ok(shown.includes(name) || shown.includes(`${base}_bucket`), `${name} is on no panel`)
    }
  })

  test('every alert asks for what is served, and says what to do', async () => {
    const { groups } = parseYaml(await read('alerts.yaml')) as {
      groups: {
        name: string
        rules: {
          alert: string
          expr: string
          for?: string
          labels: { severity: string }
          annotations: { summary: string; action: string }
        }[]
      }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    await assertKnown(rules.map(({ alert, expr }) => ({ where: alert, expr })))
    for (const rule of rules) {
      assert.deepEqual(
        Object.keys(rule).filter((key) => !['alert', 'expr', 'for', 'labels', 'annotations'].includes(key)),
        [],
        rule.alert,
      )
      assert.match(rule.alert, /^Countersign[A-Z]\w+$/)
      assert.match(rule.for ?? '1m', /^\d+[smhd]$/)
      assert.match(rule.labels.severity, /^(page|ticket)$/)
      assert.ok(rule.annotations.action)
      const { groups: by } = namedIn(rule.expr)
      for (const [, label = ''] of rule.annotations.summary.matchAll(/\$labels\.(\w+)/g))
        assert.ok(
          by.has(label) || !/\b(sum|max|count)\b/.test(rule.expr),
          `${rule.alert}: ${label} is summed away`,
        )
    }
  })

  test('a name that is not served is found', async () => {
    for (const expr of [
      'rate(countersign_requests_closed_total[5m])',
      'sum by (client_id) (countersign_requests_opened_total)',
      'countersign_delivery_attempts_total{class="6xx"}',
      'sum(countersign_ready',
    ])
      await assert.rejects(assertKnown([{ where: 'here', expr }]), expr)
  })
})
