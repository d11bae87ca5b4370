import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort, READY, startProcess } from './process.ts'

interface NodesOptions {
  count: number
  /** Folder of the keys, and of the embedded store. */
  data: string
  /** Address of a PostgreSQL database; without one there can be a single node. */
  database?: string | undefined
  env?: Record<string, string>
}

/** Real server processes that share one store, behind one address as behind a load balancer. */
export async function startNodes({ count, data, database, env = {} }: NodesOptions) {
  const ports = await Promise.all(Array.from({ length: count }, freePort))
  const front = await startFront(ports)
  const origin = `http://localhost:${front.port}`
  const settings = {
    ...env,
    COUNTERSIGN_URL: origin,
    // PostgreSQL starts a process for each connection of a node that starts.
    ...(database ? { COUNTERSIGN_DATABASE: database, COUNTERSIGN_DATABASE_POOL: '4' } : {}),
  }
  const start = (port: number) => startProcess({ data, port, env: settings })

  // The first one brings the store into its form.
  const processes = [start(ports[0] as number)]
  await processes[0]?.says(READY)
  for (const port of ports.slice(1)) processes.push(start(port))
  const node = (nth: number) => {
    const found = processes[nth]
    if (!found) throw new Error(`There is no node ${nth}.`)
    return found
  }
  await Promise.all(processes.map((each) => each.says(READY)))

  return {
    origin,
    count,
    node,
    isReady: (nth: number) => !node(nth).isOver() && node(nth).output().includes(READY),
    /** Starts one again that has ended, and does not wait until it is ready. */
    startAgain(nth: number) {
      processes[nth] = start(ports[nth] as number)
    },
    allReady: () => Promise.all(processes.map((each) => each.says(READY))),
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()))
      await front.close()
    },
  }
}

export type Nodes = Awaited<ReturnType<typeof startNodes>>

/** Gives each connection to the next node that takes it, and breaks it when there is none. */
async function startFront(ports: readonly number[]) {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer(async (outer) => {
    open.add(outer)
    outer.once('close', () => open.delete(outer)).on('error', () => outer.destroy())
    turn += 1
    for (let i = 0; i < ports.length; i += 1) {
      const inner = connect(ports[(turn + i) % ports.length] as number, '127.0.0.1')
      if (!(await isTaken(inner))) continue
      inner.on('error', () => {}).once('close', () => outer.destroy())
      outer.once('close', () => inner.destroy())
      outer.pipe(inner).pipe(outer)
      return
    }
    outer.resetAndDestroy()
  })
  server.listen(await freePort(), '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const isTaken = (socket: Socket) =>
  new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
