import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cpuOf, endChild } from './child.ts'

/** Something that delivers: it is given work, then told to do it. */
export interface Deliverer {
  /** Processor time of its process so far, in microseconds. */
  cpuUs(): number
  /** Lays up so many deliveries, none of which begins yet. */
  load(count: number): Promise<void>
  /** Does all of them and waits until each is written down as done. */
  drain(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What a file in bench/deliverers makes, inside a process of its own. */
export interface Made {
  load(count: number): Promise<void>
  drain(): Promise<void>
}

export interface Order {
  /** The endpoint. */
  url: string
  /** Folder or address of the store. */
  place: string
}

/** Posts under way at a time, the same for all. */
export const UNDER_WAY = 128

/** The body of each post, the same for all. */
export const BODY = JSON.stringify({
  client_id: '019bd1a2-4f00-7abc-9def-0123456789ab',
  user_id: 'usr_019bd1a24f007abc9def0123456789ab',
  access_token: `eyJ${'x'.repeat(420)}`,
  token_type: 'Bearer',
  expires_at: '1764021600000',
  issued_at: '1763985600000',
  message_type: 'access_token',
})

const PROCESS = fileURLToPath(new URL('../deliverers/process.ts', import.meta.url))

/** Starts one of the files in bench/deliverers. */
export async function startDeliverer(file: string, order: Order): Promise<Deliverer> {
  const child = fork(PROCESS, [file, order.url, order.place], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const say = async (message: unknown) => {
    const ended = new AbortController()
    const answered = once(child, 'message', ended)
    const died = once(child, 'exit', ended).then(([code]) => {
      throw new Error(`The deliverer “${file}” ended with ${code}.`)
    })
    if (message) child.send(message)
    await Promise.race([answered, died]).finally(() => {
      died.catch(() => {})
      ended.abort()
    })
  }
  await say(undefined)
  return {
    cpuUs: () => cpuOf(child.pid ?? 0),
    load: (count) => say({ load: count }),
    drain: () => say('drain'),
    [Symbol.asyncDispose]: () => endChild(child),
  }
}
