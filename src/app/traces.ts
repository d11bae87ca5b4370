import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { SECOND } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { readTraceparent, type Tracer, writeTraceparent } from '#base/trace.ts'

interface TraceOptions {
  /** Where spans are POSTed: the collector's own address, which the operator names, so no rule for endpoints holds for it. */
  url: string
  headers: Record<string, string>
  version: string
  log: Log
}

/** Spans wait so long for others to go with. */
const GATHER_MS = SECOND
/** A collector that is away holds up no stop for longer. */
const PATIENCE_MS = 3 * SECOND

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT }

/** Sends spans to an OpenTelemetry collector (OTLP over HTTP, JSON). Loaded by the setting alone: it takes a while. */
export function startTraces({ url, headers, version, log }: TraceOptions) {
  const exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: PATIENCE_MS })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'countersign', 'service.version': version }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: {
          export: (spans, done) =>
            exporter.export(spans, (result) => {
              if (result.error) log.warn('Spans could not be sent.', { spans: spans.length })
              done(result)
            }),
          forceFlush: () => exporter.forceFlush(),
          shutdown: () => exporter.shutdown(),
        },
        scheduledDelayMillis: GATHER_MS,
        exportTimeoutMillis: PATIENCE_MS,
      }),
    ],
  })
  const spans = provider.getTracer('countersign', version)

  const tracer: Tracer = {
    begin(name, parent, kind, fields) {
      const known = readTraceparent(parent)
      const context = known
        ? trace.setSpanContext(ROOT_CONTEXT, {
            traceId: known.traceId,
            spanId: known.spanId,
            traceFlags: known.flags,
            isRemote: true,
          })
        : ROOT_CONTEXT
      const span = spans.startSpan(name, { kind: KINDS[kind], attributes: fields }, context)
      const { traceId, spanId, traceFlags } = span.spanContext()
      return {
        traceparent: writeTraceparent({ traceId, spanId, flags: traceFlags }),
        end(more = {}, fault) {
          span.setAttributes(more)
          if (fault) span.setAttribute('error.type', fault).setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
  }
  return {
    tracer,
    /** Sends what is left. */
    stop: () => provider.shutdown().catch(() => log.warn('The last spans could not be sent.')),
  }
}
