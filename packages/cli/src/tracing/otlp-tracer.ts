import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { parseTraceparent, type Span, type SpanAttributes, type TraceContext, type Tracer } from "@millrace/util";
import type { FinishedSpan, OtlpExporter } from "./otlp-exporter.ts";

export interface OtlpTracerOptions {
  readonly exporter: Pick<OtlpExporter, "add">;
  /** Of the requests that come without a trace of their own; one that has one decides for itself. */
  readonly sampleShare: number;
}

const NANOS_PER_MS = 1_000_000n;

/** Spans as OpenTelemetry has them. */
export class OtlpTracer implements Tracer {
  readonly #options: OtlpTracerOptions;
  readonly #active = new AsyncLocalStorage<TraceContext>();

  constructor(options: OtlpTracerOptions) {
    this.#options = options;
  }

  startRequest(name: string, traceparent: string | undefined, attributes: SpanAttributes): Span | undefined {
    const parent = parseTraceparent(traceparent);
    const isTraced = parent?.sampled ?? Math.random() < this.#options.sampleShare;
    return isTraced ? this.#start(name, "server", parent, attributes) : undefined;
  }

  startPart(name: string, kind: "server" | "client", parent: TraceContext, attributes: SpanAttributes): Span {
    return this.#start(name, kind, parent, attributes);
  }

  within<T>(span: Span, run: () => T): T {
    return this.#active.run(span.context, run);
  }

  active(): TraceContext | undefined {
    return this.#active.getStore();
  }

  #start(name: string, kind: FinishedSpan["kind"], parent: TraceContext | undefined, attributes: SpanAttributes): Span {
    const traceId = parent?.traceId ?? randomBytes(16).toString("hex");
    const context = { traceId, spanId: randomBytes(8).toString("hex") };
    const startNanos = BigInt(Date.now()) * NANOS_PER_MS;
    const startedAt = process.hrtime.bigint();
    return {
      context,
      end: ({ error, attributes: more = {} } = {}) =>
        this.#options.exporter.add({
          ...{ name, kind, context, error, startNanos },
          parentSpanId: parent?.spanId,
          endNanos: startNanos + (process.hrtime.bigint() - startedAt),
          attributes: { ...attributes, ...more },
        }),
    };
  }
}
