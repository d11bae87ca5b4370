import autocannon from 'autocannon'
import type { Loaded, LoadOrder } from './load.ts'

/** The load generator, in a process of its own: it takes one order, says when it begins, and answers what it saw. */
process.once('message', (order: LoadOrder) => {
  const { url, requests, connections, seconds } = order
  const share = Math.floor(requests.length / connections)
  const latencies: number[] = []
  let others = 0
  let beganAt = 0
  let lastAt = 0
  let clients = 0

  const tracker = autocannon(
    {
      url,
      connections,
      duration: seconds,
      // Each request is sent once: a connection that has sent its share is done.
      maxConnectionRequests: share,
      setupClient(client) {
        client.setRequests(requests.slice(clients * share, (clients + 1) * share))
        clients += 1
      },
    },
    (fault, result) => {
      if (fault) throw fault
      const usage = process.cpuUsage()
      const loaded: Loaded = {
        latencies,
        others: others + result.errors + result.timeouts,
        ms: lastAt - beganAt,
        generatorCpuUs: usage.user + usage.system,
      }
      process.send?.({ loaded }, () => process.exit(0))
    },
  )
  tracker.on('start', () => {
    beganAt = performance.now()
    process.send?.('begun')
  })
  tracker.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
    lastAt = performance.now()
    if (status === 200) latencies.push(ms)
    else others += 1
  })
})
