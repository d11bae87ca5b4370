import { useEffect } from 'preact/hooks'

type Reader = () => unknown
const readers = new Set<Reader>()

/** Reads anew whenever something happened to a request of this user, or the page comes back into view. */
export function useLive(read: Reader) {
  useEffect(() => {
    readers.add(read)
    stayConnected()
    return () => void readers.delete(read)
  }, [read])
}

let source: EventSource | undefined

/** Opens the one connection to the server's events. It lasts as long as the document, across its pages. */
function stayConnected() {
  if (source && source.readyState !== EventSource.CLOSED) return
  const isFirst = !source
  source = connect()
  // It was turned away before, while nobody was signed in.
  if (!isFirst) return
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && readAll())

  // A dropped connection comes back by itself; one that was answered with an error stays closed.
  setInterval(() => {
    if (source?.readyState !== EventSource.CLOSED) return
    source = connect()
    // Until it is open nobody tells anything; and if the session has ended, this is how the page finds out.
    readAll()
  }, 10_000)
}

let again: ReturnType<typeof setTimeout> | undefined

/** After a reading that did not get through: what is shown may be old, and no event will say so a second time. */
export function readAgainSoon() {
  clearTimeout(again)
  again = setTimeout(readAll, 2_000)
}

function connect() {
  const opened = new EventSource('/v1/me/events')
  opened.addEventListener('request', readAll)
  // Nobody told what happened before it was open.
  opened.addEventListener('open', readAll)
  return opened
}

function readAll() {
  for (const read of readers) read()
}
