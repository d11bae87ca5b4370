import type { Dispatcher } from 'undici'
import { asCallFailed, type FailurePhase, KnownFault } from './failures.ts'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** At most 64 KiB; what is longer is cut. */
  body: string
}

export interface Call {
  url: URL
  headers: Record<string, string>
  /** What is posted; without one it is a GET. */
  body?: Buffer | undefined
  signal: AbortSignal
}

const LARGEST_ANSWER = 65_536

/**
 * Puts one call on the wire, and knows at each moment whether it is there yet. undici tells by `onRequestStart`, called
 * right before the first byte is written; `request()` hides that, and lets a signal that fires while the call waits for
 * a connection go unheard.
 *
 * @throws CallFailed
 */
export function callOnce(dispatcher: Dispatcher, { url, headers, body, signal }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let phase: FailurePhase = 'before_sending'
    let isOver = false
    let wire: Dispatcher.DispatchController | undefined
    const answer: Omit<Answer, 'body'> = { status: 0, headers: {} }
    const parts: Buffer[] = []
    let size = 0

    const end = () => {
      isOver = true
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (cause: unknown) => {
      if (isOver) return
      end()
      const status = phase === 'after_answer' ? answer.status : undefined
      reject(asCallFailed(cause, phase, { host: url.hostname, status }))
    }
    const succeed = () => {
      if (isOver) return
      end()
      resolve({ ...answer, body: Buffer.concat(parts).subarray(0, LARGEST_ANSWER).toString('utf8') })
    }
    function onAbort() {
      const fault = new KnownFault('timeout', { cause: signal.reason })
      fail(fault)
      wire?.abort(fault)
    }

    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)

    const { origin, pathname, search } = url
    dispatcher.dispatch(
      { origin, path: pathname + search, method: body ? 'POST' : 'GET', headers, body: body ?? null },
      {
        onRequestStart(controller) {
          // Given up while it waited; or about to be written twice, which only its owner may decide.
          if (isOver || phase !== 'before_sending') {
            return controller.abort(new KnownFault('connection_lost'))
          }
          wire = controller
          phase = 'while_waiting'
        },
        onResponseStart(_controller, status, headers) {
          if (status < 200) return
          phase = 'after_answer'
          Object.assign(answer, { status, headers })
        },
        onResponseData(controller, part) {
          parts.push(part)
          size += part.length
          if (size < LARGEST_ANSWER) return
          succeed()
          controller.abort(new KnownFault('answer_cut'))
        },
        onResponseEnd: succeed,
        onResponseError: (_controller, fault) => fail(fault),
      },
    )
  })
}
