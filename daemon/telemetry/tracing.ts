/**
 * Spans of requests that are over, by OpenTelemetry's own SDK and exporters, in the main thread. Hides that what waits
 * for a receiver is bounded and counted: a receiver that is down or slow costs spans and nothing else.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, BatchSpanProcessor, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { TracingData } from "../config/telemetry-data.ts";
import { type HopSpan, hopId } from "../pipeline/span.ts";
import type { SpanParameters } from "../pipeline/span-parameters.ts";
import { requestColumn as column, requestWidth } from "../store/rows.ts";
import type { RowValue } from "../store/sender.ts";
import { genaiSchema, hopAttributes, operationOf, type Row, requestAttributes } from "./span-attributes.ts";

export type Tracing = {
  /** Requests that have ended: flat rows, and for each its `spanText`. */
  record(rows: readonly RowValue[], spans: readonly string[]): void;
  /** Spans that were not exported: the queue was full, or the receiver did not take them. */
  readonly dropped: number;
  readonly exported: number;
  /** What waits is sent if the receiver takes it in time. */
  close(): Promise<void>;
};

/** Requests whose spans are built before the event loop gets its turn: about two milliseconds. */
const requestsPerTurn = 25;
/** A batch leaves when it is this old. */
const delayMs = 1_000;
const batchSpansMax = 512;
/** At the end a receiver that is down must not keep the daemon. */
const closeMs = 2_000;

export async function openTracing(
  settings: TracingData & { readonly endpoint: string },
  version: string,
): Promise<Tracing> {
  const counted = counting(await openExporter(settings));
  const ids = { trace: "", span: "" };
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(), // whether a request is traced was decided when it came
    idGenerator: { generateTraceId: () => ids.trace, generateSpanId: () => ids.span },
    resource: resourceFromAttributes({ "service.name": settings.serviceName, "service.version": version }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: counted.exporter,
        maxQueueSize: settings.queueMax,
        maxExportBatchSize: Math.min(batchSpansMax, settings.queueMax),
        scheduledDelayMillis: delayMs,
        exportTimeoutMillis: settings.timeoutMs,
      }),
    ],
  });
  const schemaUrl = settings.conventions === "openinference" ? undefined : genaiSchema;
  const tracer = provider.getTracer("bifrost", version, schemaUrl === undefined ? {} : { schemaUrl });
  let dropped = 0;
  let working: Promise<void> = Promise.resolve();
  let queuedRequests = 0;

  function record(rows: readonly RowValue[], spans: readonly string[]): void {
    // Requests whose spans are not built yet count as waiting too.
    if (queuedRequests + counted.waiting() > settings.queueMax) {
      dropped += spans.length;
      return;
    }
    queuedRequests += spans.length;
    working = working.then(async () => {
      for (const [index, span] of spans.entries()) {
        build({ values: rows, at: index * requestWidth }, span);
        queuedRequests -= 1;
        if (index % requestsPerTurn === requestsPerTurn - 1) await turn();
      }
    });
  }

  function build(row: Row, text: string): void {
    const [spanId, parentId, hops, parameters = {}] = JSON.parse(text) as [
      string,
      string,
      HopSpan[],
      SpanParameters | null,
    ];
    if (counted.waiting() + 1 + hops.length > settings.queueMax) {
      dropped += 1 + hops.length;
      return;
    }
    const at = row.values[row.at + column.at] as number;
    const latencyMs = row.values[row.at + column.latency_ms] as number;
    ids.trace = row.values[row.at + column.trace] as string;
    ids.span = spanId;
    const error = row.values[row.at + column.error];
    const request = tracer.startSpan(
      String(row.values[row.at + column.route]),
      { kind: SpanKind.SERVER, startTime: at, attributes: requestAttributes(row), root: parentId === "" },
      parentId === "" ? ROOT_CONTEXT : remote(ids.trace, parentId),
    );
    const inside = trace.setSpan(ROOT_CONTEXT, request);
    for (const [index, hop] of hops.entries())
      buildHop({ row, parameters: parameters ?? {} }, hop, index === hops.length - 1, at, hopId(spanId, index), inside);
    end(request, typeof error === "string" ? error : "", at + latencyMs);
  }

  function buildHop(
    { row, parameters }: { readonly row: Row; readonly parameters: SpanParameters },
    hop: HopSpan,
    isLast: boolean,
    at: number,
    id: string,
    inside: Context,
  ): void {
    const [target, credential, startMs, endMs, error, status, address, port] = hop;
    ids.span = id;
    const told = { target, credential, error, isLast, address, port, parameters };
    const attributes = hopAttributes(row, told, settings.conventions);
    const span = tracer.startSpan(
      `${operationOf(row)} ${target.slice(target.indexOf("/") + 1)}`,
      {
        ...{ kind: SpanKind.CLIENT, startTime: at + startMs },
        attributes: status === 0 ? attributes : { ...attributes, "http.response.status_code": status },
      },
      inside,
    );
    end(span, error, at + endMs);
  }

  function end(span: Span, error: string, endedAt: number): void {
    if (error !== "") span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    counted.added();
    span.end(endedAt);
  }

  async function close(): Promise<void> {
    await working;
    const late = new Promise<void>((resolve) => void setTimeout(resolve, closeMs).unref());
    await Promise.race([provider.shutdown().catch(() => undefined), late]);
  }

  return {
    record,
    get dropped() {
      return dropped + counted.failed();
    },
    get exported() {
      return counted.exported();
    },
    close,
  };
}

function remote(traceId: string, spanId: string): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}

async function openExporter(settings: TracingData & { readonly endpoint: string }): Promise<SpanExporter> {
  const common = { url: settings.endpoint, timeoutMillis: settings.timeoutMs };
  if (settings.protocol === "http") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
    return new OTLPTraceExporter({ ...common, headers: { ...settings.headers } }) as SpanExporter;
  }
  const [{ OTLPTraceExporter }, { Metadata }] = await Promise.all([
    import("@opentelemetry/exporter-trace-otlp-grpc"),
    import("@grpc/grpc-js"),
  ]);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(settings.headers)) metadata.set(name, value);
  return new OTLPTraceExporter({ ...common, metadata }) as SpanExporter;
}

type Counted = {
  readonly exporter: SpanExporter;
  added(): void;
  waiting(): number;
  failed(): number;
  exported(): number;
};

/** Knows how many spans wait, so that none is given to a queue that would drop it without a word. */
function counting(inner: SpanExporter): Counted {
  let [waiting, failed, exported] = [0, 0, 0];
  return {
    exporter: {
      export(spans, done) {
        inner.export(spans, (result) => {
          waiting -= spans.length;
          if (result.code === 0) exported += spans.length;
          else failed += spans.length;
          done(result);
        });
      },
      shutdown: () => inner.shutdown(),
      ...(inner.forceFlush === undefined ? {} : { forceFlush: () => inner.forceFlush!() }),
    },
    added: () => {
      waiting += 1;
    },
    waiting: () => waiting,
    failed: () => failed,
    exported: () => exported,
  };
}
