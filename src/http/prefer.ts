import type { IncomingHttpHeaders } from 'node:http'
import { SECOND } from '#base/clock.ts'

/** How long a caller says that it will wait for its answer (`Prefer: wait=20`, RFC 7240 §4.3): milliseconds, or undefined. */
export function preferredWaitMs({ prefer }: IncomingHttpHeaders): number | undefined {
  const found = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})(?=["\s,;]|$)/i.exec(String(prefer ?? ''))
  return found ? Number(found[1]) * SECOND : undefined
}
