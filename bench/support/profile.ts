import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CpuProfile, flameSvg } from './flame.ts'
import { machineLine } from './print.ts'

/** Between two samples, in microseconds. */
const INTERVAL_US = 250

const found = new Map<string, CpuProfile[]>()

/**
 * Profiles a Node process while work goes on in it, over its inspector (Chrome DevTools Protocol), so that neither its
 * start nor the warming up is in the picture. All rounds of one name are one flame graph.
 *
 * @param address of its inspector, `ws://…`
 * @param folder where NAME.cpuprofile (the last round) and NAME.flame.svg are written
 */
export async function attachProfiler(address: string, folder: string) {
  const { socket, call } = await openInspector(address)
  await call('Profiler.enable')
  await call('Profiler.setSamplingInterval', { interval: INTERVAL_US })
  return {
    async during<T>(name: string, work: () => Promise<T>): Promise<T> {
      await call('Profiler.start')
      const result = await work()
      const { profile } = (await call('Profiler.stop')) as { profile: CpuProfile }
      const all = [...(found.get(name) ?? []), profile]
      found.set(name, all)
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, `${name}.cpuprofile`), JSON.stringify(profile))
      const day = new Date().toISOString().slice(0, 10)
      await writeFile(join(folder, `${name}.flame.svg`), flameSvg(all, `${name}, ${day}, ${machineLine()}`))
      return result
    },
    close: () => socket.close(),
  }
}

async function openInspector(address: string) {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', () => reject(new Error(`No inspector at ${address}.`)), { once: true })
  })
  const waiting = new Map<number, (result: unknown) => void>()
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown }
    if (id === undefined) return
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let calls = 0
  const call = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve) => {
      calls += 1
      waiting.set(calls, resolve)
      socket.send(JSON.stringify({ id: calls, method, params }))
    })
  return { socket, call }
}
