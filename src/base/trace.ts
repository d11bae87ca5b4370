/** Numbers and short words alone: never a secret, never a token, no address. */
type SpanFields = Record<string, string | number | boolean>

/** Follows one ask through this service and those around it (W3C Trace Context). A room says what it does; who follows is its own affair. */
export interface Tracer {
  /**
   * @param parent `traceparent` of what this is part of, as it came; one that cannot be read begins a trace of its own
   * @param kind `server`: done for a caller; `client`: a call of ours
   */
  begin(name: string, parent: string | null | undefined, kind: 'server' | 'client', fields: SpanFields): Span
}

export interface Span {
  /** `traceparent` for what is done on behalf of this; null when nobody follows. */
  readonly traceparent: string | null
  /** @param fault in a short stable word, if it went wrong */
  end(fields?: SpanFields, fault?: string): void
}

const NO_SPAN: Span = { traceparent: null, end() {} }

/** Nobody follows. */
export const noTracer: Tracer = { begin: () => NO_SPAN }

export interface TraceParent {
  traceId: string
  spanId: string
  flags: number
}

/** @returns undefined for what is no `traceparent` (W3C Trace Context §3.2) */
export function readTraceparent(text: string | null | undefined): TraceParent | undefined {
  const [, version = '', traceId = '', spanId = '', flags = '', more = ''] = FORM.exec(text ?? '') ?? []
  if (!traceId || version === 'ff' || (version === '00' && more)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

export const writeTraceparent = ({ traceId, spanId, flags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${(flags & SAMPLED).toString(16).padStart(2, '0')}`

const SAMPLED = 1
