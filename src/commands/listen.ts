import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { SECOND } from '#base/clock.ts'
import { ask } from './listen/ask.ts'
import { forward, type Outcome, verifySignature } from './listen/forward.ts'
import { openStream, type Post, Stopped } from './listen/stream.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign listen --forward-to URL [--server URL] [--resend ID]

Takes the deliveries of an app on this machine, also behind a router that lets nothing in: holds a stream from the server,
checks each signature, POSTs the very bytes and headers to your URL, and says how it went. Your 2xx is the acknowledgement.
While nobody listens, deliveries go to the app's Notifier Webhook Endpoint as ever. For apps in test mode, unless the
operator allows more (COUNTERSIGN_LISTEN).

  --forward-to URL  where your program listens, for instance http://localhost:3000/token
  --server URL      the Countersign server; http://localhost:8080 if not given
  --resend ID       have a delivery that waits (dlv_…) sent at once

Who you are is asked for, or read from CS_CLIENT_ID, CS_CLIENT_SECRET and CS_SIGNING_SECRET; never from the command line,
which others on this machine can see. Press r and Enter to POST the last one once more, Ctrl+C to end.
`

/** `countersign listen` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    'forward-to': { type: 'string' },
    server: { type: 'string' },
    resend: { type: 'string' },
  })
  if (!words) return 0
  const { server = 'http://localhost:8080', resend, 'forward-to': target } = words.values
  if (words.positionals.length > 0) throw new UsageError(HELP)
  if (!target) throw new UsageError(`--forward-to is missing.\n\n${HELP}`)
  const origin = safeUrl('--server', server).origin
  const url = safeUrl('--forward-to', target).href
  const clientId = await ask('CS_CLIENT_ID', 'Client id', false)
  const secret = await ask('CS_CLIENT_SECRET', 'Client secret', true)
  const signingSecret = await ask('CS_SIGNING_SECRET', 'Signing secret (whsec_…)', true)
  if (!/^whsec_[\w+/]+=*$/.test(signingSecret)) throw new UsageError('The signing secret begins with whsec_.')

  const say = (line: string) => process.stdout.write(`${line}\n`)
  const there = { origin, authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

  let last: Post | undefined
  const taken = new Map<string, Promise<Outcome>>()
  let isResent = resend === undefined
  const take = async (post: Post): Promise<Outcome> => {
    last = post
    const outcome = verifySignature(post, signingSecret)
      ? await forward(url, post)
      : {
          status: null,
          ms: 0,
          say: 'the signature is wrong; not forwarded. Is the signing secret of this app?',
        }
    say(line(post, outcome))
    return outcome
  }
  const tell = (fault: Error) => say(fault.message)
  const keys = createInterface({ input: process.stdin })
  keys.on('line', (text) => {
    if (text.trim() !== 'r') return
    if (last) void forward(url, last).then((outcome) => last && say(`${line(last, outcome)}  (again)`))
    else say('Nothing has come yet.')
  })

  try {
    for (let fails = 0; !stopping.signal.aborted; ) {
      try {
        await openStream(there, stopping.signal, {
          ready: ({ name, mode }) => {
            fails = 0
            if (!isResent) {
              isResent = true
              void call(there, `/v1/listen/${encodeURIComponent(resend ?? '')}/resend`).catch(tell)
            }
            say(`Listening for “${name}” (${mode}), forwarding to ${url}`)
          },
          async delivery(post) {
            const key = `${post.id} ${post.attempt}`
            // One that comes again after the stream broke is not forwarded twice, only answered again.
            const outcome = taken.get(key) ?? take(post)
            taken.set(key, outcome)
            const { status, response } = await outcome
            const body = { status, ...(response ? { response } : {}) }
            await call(there, `/v1/listen/${post.id}/${post.attempt}`, body).catch(tell)
          },
        })
      } catch (fault) {
        if (stopping.signal.aborted) break
        if (fault instanceof Stopped) throw new UsageError(fault.message)
        fails += 1
        const wait = Math.min(SECOND * 2 ** (fails - 1), LONGEST_WAIT_MS)
        say(
          `The stream broke (${fault instanceof Error ? fault.message : fault}). Again in ${wait / SECOND} s.`,
        )
        await pause(wait, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
    return 0
  } finally {
    keys.close()
  }
}

const LONGEST_WAIT_MS = 30 * SECOND

function line({ id, attempt }: Post, { status, ms, say }: Outcome): string {
  const time = new Date().toTimeString().slice(0, 8)
  return `${time}  ${id} #${attempt}  →  ${status ?? 'failed'}  ${ms} ms${say ? `  ${say}` : ''}`
}

/** What goes there is a secret: in clear text it may stay on this machine alone. */
function safeUrl(option: string, text: string): URL {
  const url = URL.parse(text)
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? '')
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback))) return url
  throw new UsageError(`${option} must be an https:// address, or http:// on this machine.`)
}

async function call(server: { origin: string; authorization: string }, path: string, body?: object) {
  const { origin, authorization } = server
  const answer = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10 * SECOND),
  })
  if (answer.ok) return
  const { detail } = (await answer.json().catch(() => ({}))) as { detail?: string }
  throw new UsageError(detail ?? `The server answered ${answer.status}.`)
}
