type Fields = Record<string, string | number | boolean | null | undefined>

/** Writes one JSON line for each thing worth knowing. Secrets, tokens and request bodies are never given to it. */
export interface Log {
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fault: unknown, fields?: Fields): void
}

export function jsonLog(write: (line: string) => void): Log {
  const line = (level: string, message: string, fields: Fields = {}) =>
    write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...fields })}\n`)
  return {
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fault, fields) => line('error', message, { ...fields, fault: describe(fault) }),
  }
}

/** Writes the lines of one turn of the event loop together: on many systems each write stops everything for a moment. */
export function gatherLines(write: (text: string) => void): (line: string) => void {
  let gathered = ''
  return (line) => {
    if (gathered === '') {
      setImmediate(() => {
        const text = gathered
        gathered = ''
        write(text)
      })
    }
    gathered += line
  }
}

/** The fault and its causes, each with its stack, since a message alone seldom shows the place. */
function describe(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault)
  const own = fault.stack ?? `${fault.name}: ${fault.message}`
  return fault.cause ? `${own}\ncaused by: ${describe(fault.cause)}` : own
}
