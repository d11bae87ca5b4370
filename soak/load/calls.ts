import { setTimeout as pause } from 'node:timers/promises'
import { type Dispatcher, Pool } from 'undici'

export interface Answer {
  status: number
  header: (name: string) => string | undefined
  body: Record<string, unknown>
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  headers?: Record<string, string>
  body?: string
}

const RETRY_MS = 100
/** Longer than a held poll. */
const ANSWER_PATIENCE_MS = 40_000

/** Calls to the server, none of which waits for another: there are as many connections as it takes. */
export function openCalls(origin: string) {
  const pool = new Pool(origin.replace('localhost', '127.0.0.1'), {
    connections: null,
    headersTimeout: ANSWER_PATIENCE_MS,
    bodyTimeout: ANSWER_PATIENCE_MS,
  })

  /** @returns undefined when the connection broke, or there was none */
  async function call({ headers = {}, body, ...rest }: Call): Promise<Answer | undefined> {
    try {
      const answer = await pool.request({ ...rest, headers, ...(body === undefined ? {} : { body }) })
      return { status: answer.statusCode, header: headerOf(answer), body: await bodyOf(answer) }
    } catch {
      return undefined
    }
  }

  return {
    origin,
    call,
    /**
     * Calls again while nobody answers, or who answers says to come later.
     *
     * @returns what was answered, undefined when patience was over, and how often the connection broke
     */
    async persist(
      each: Call,
      patienceMs: number,
      isWanted = (status: number) => status !== 503,
    ): Promise<{ answer: Answer | undefined; broke: number }> {
      const giveUpAt = performance.now() + patienceMs
      for (let broke = 0; ; ) {
        const answer = await call(each)
        if (answer && isWanted(answer.status)) return { answer, broke }
        if (!answer) broke += 1
        if (performance.now() > giveUpAt) return { answer: undefined, broke }
        await pause(RETRY_MS)
      }
    },
    close: () => pool.destroy(),
  }
}

export type Calls = ReturnType<typeof openCalls>

const headerOf = ({ headers }: Dispatcher.ResponseData) => {
  return (name: string) => {
    const value = headers[name]
    return typeof value === 'string' ? value : undefined
  }
}

async function bodyOf({ body }: Dispatcher.ResponseData): Promise<Record<string, unknown>> {
  const text = await body.text()
  try {
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return { text }
  }
}
