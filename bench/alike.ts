import { uuidv7 } from '#base/ids.ts'
import { newSecret } from '#base/secrets.ts'
import { prepareClients } from './support/clients.ts'
import { atMost, type BenchOptions, median, percentile, type Report } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'

const CLIENTS = 1_000
/** Of each kind in a round; the server bears with 6,000 failures a minute from one address. */
const CALLS = 250
const WARM_UP = 100

/** Whether the time of the answer tells a wrong secret of an app that is there from an app that is not. */
export async function benchAlike({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  const askers = await prepareClients(folder.path, CLIENTS)
  await using server = await startServer({ data: folder.path })
  const kinds = {
    'a wrong secret': () => askers[Math.floor(Math.random() * CLIENTS)]?.clientId ?? '',
    'an unknown app': () => uuidv7(),
  }
  const found = Object.entries(kinds).map(([kind, clientId]) => ({ kind, clientId, us: [] as number[] }))

  const call = async (clientId: string) => {
    const body = JSON.stringify({ client_secret: newSecret('cs_secret') })
    const from = performance.now()
    const answer = await fetch(`${server.address}/v3/login/auth/token/request/${clientId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    await answer.text()
    const us = (performance.now() - from) * 1_000
    if (answer.status !== 401) throw new Error(`answered ${answer.status}`)
    return us
  }

  for (let i = 0; i < WARM_UP; i += 1) for (const { clientId } of found) await call(clientId())
  for (let round = 0; round < rounds; round += 1) {
    say(`alike: round ${round + 1}`)
    // In turn, so that both meet the same machine.
    for (let i = 0; i < CALLS; i += 1) for (const { clientId, us } of found) us.push(await call(clientId()))
  }

  const [wrong = 0, unknown = 0] = found.map(({ us }) => median(us))
  return {
    name: 'alike',
    about: 'a wrong secret and an unknown app, asked in turn',
    rows: found.map(({ kind, us }) => ({
      answer: kind,
      calls: us.length,
      'p25 µs': percentile(us, 0.25),
      'p50 µs': median(us),
      'p75 µs': percentile(us, 0.75),
      'p99 µs': percentile(us, 0.99),
    })),
    bars: [
      atMost('the slower median, times the other', Math.max(wrong, unknown) / Math.min(wrong, unknown), 1.1),
    ],
  }
}
