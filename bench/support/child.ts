import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

interface ChildOptions {
  /** Arguments of `node`: its own options, the file, the file's arguments. */
  args: string[]
  env?: Record<string, string>
  /** The line on its standard output that says it can be used; its first group is kept as `ready`. */
  ready: RegExp
}

export interface Child {
  pid: number
  /** Where its inspector listens, if it was started with one. */
  inspector: string | undefined
  /** What its ready line says. */
  ready: string
  /** From the call that starts it to its ready line, in milliseconds. */
  startMs: number
  /** Ends it, if it still runs, and waits for its end. */
  end(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A machine may be busy with other things. */
const START_PATIENCE_MS = 120_000
const END_PATIENCE_MS = 10_000

/** Starts a Node process of its own and waits for its ready line. It sees no settings but those given here. */
export async function startChild({ args, env = {}, ready }: ChildOptions): Promise<Child> {
  const startedAt = performance.now()
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERSIGN_'))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (part) => {
    complaint = `${complaint}${part}`.slice(-4_000)
  })

  const said = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${args.join(' ')} ${why}\n${complaint}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('was not ready in time.')
    }, START_PATIENCE_MS)
    child.once('exit', (code) => fail(`ended with ${code} before it was ready.`))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = ready.exec(line)
      if (!found) return
      clearTimeout(timer)
      resolve(found[1] ?? line)
    })
  })
  const startMs = performance.now() - startedAt
  const end = () => endChild(child)
  const [, inspector] = /^Debugger listening on (ws:\S+)$/m.exec(complaint) ?? []
  return { pid: child.pid ?? 0, inspector, ready: said, startMs, end, [Symbol.asyncDispose]: end }
}

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_PATIENCE_MS)
  await ended
  clearTimeout(timer)
}

/** Clock ticks a second in /proc, the same on all Linux machines that Node runs on. */
const TICKS = 100

/**
 * Processor time that a process has used so far, user and system, all threads, in microseconds (proc_pid_stat(5)).
 *
 * @param withEnded also that of its children that have ended
 */
export function cpuOf(pid: number, withEnded = false): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program may hold spaces; what is counted begins behind its bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = fields.slice(11, withEnded ? 15 : 13)
  return (own.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS) * 1e6
}

/** Memory of a process that is in use now, in MiB. */
export async function idleMemoryOf(pid: number, afterMs: number): Promise<number> {
  await pause(afterMs)
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1_024
}
