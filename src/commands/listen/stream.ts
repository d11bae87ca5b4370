import { SECOND } from '#base/clock.ts'

/** A delivery on its way to this machine. */
export interface Post {
  id: string
  attempt: number
  headers: Record<string, string>
  /** base64 */
  body: string
}

interface Hears {
  ready: (app: { name: string; mode: string }) => void
  /** Not awaited: deliveries go side by side, as from the server itself. */
  delivery: (post: Post) => Promise<void>
}

/** No use in coming again. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** The server lets itself be heard each 5 s. */
const SILENCE_MS = 20 * SECOND

/**
 * Holds the stream until it breaks.
 *
 * @throws Stopped when the server refuses, or somebody else listens now
 */
export async function openStream(
  { origin, authorization }: { origin: string; authorization: string },
  stopping: AbortSignal,
  hears: Hears,
): Promise<void> {
  const silent = new AbortController()
  let alarm = setTimeout(() => silent.abort(new Error('nothing was heard')), SILENCE_MS)
  const heard = () => {
    clearTimeout(alarm)
    alarm = setTimeout(() => silent.abort(new Error('nothing was heard')), SILENCE_MS)
  }
  try {
    const answer = await fetch(`${origin}/v1/listen`, {
      headers: { authorization, accept: 'text/event-stream' },
      signal: AbortSignal.any([stopping, silent.signal]),
    })
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
      const { detail } = (await answer.json().catch(() => ({}))) as { detail?: string }
      throw new Stopped(detail ?? `The server answered ${answer.status}.`)
    }
    if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status}`)
    let text = ''
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      heard()
      text += part
      for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
        hear(text.slice(0, at), hears)
        text = text.slice(at + 2)
      }
    }
    throw new Error('the server closed it')
  } finally {
    clearTimeout(alarm)
  }
}

function hear(event: string, hears: Hears) {
  const [, kind] = /^event: (.+)$/m.exec(event) ?? []
  const [, data = '{}'] = /^data: (.+)$/m.exec(event) ?? []
  if (kind === 'ready') hears.ready(JSON.parse(data))
  if (kind === 'delivery') void hears.delivery(JSON.parse(data))
  if (kind === 'replaced') throw new Stopped('Somebody else listens to this app now.')
}
