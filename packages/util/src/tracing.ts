/** Where a span hangs in a trace (W3C Trace Context): hexadecimal, 32 and 16 digits. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

export type SpanAttributes = Readonly<Record<string, string | number | undefined>>;

export interface Span {
  readonly context: TraceContext;
  /** Once. `error`: its name. */
  end(outcome?: { readonly error?: string | undefined; readonly attributes?: SpanAttributes }): void;
}

/** Where a process is to be traced, it has one; nothing is measured, sent or passed on without. */
export interface Tracer {
  /** A request that comes from outside. Undefined: this one is not traced. */
  startRequest(name: string, traceparent: string | undefined, attributes: SpanAttributes): Span | undefined;
  /** A part of something that is traced: "server" when it came by the network, "client" when it goes there. */
  startPart(name: string, kind: "server" | "client", parent: TraceContext, attributes: SpanAttributes): Span;
  /** What runs within, and all that it awaits, is a part of the span. */
  within<T>(span: Span, run: () => T): T;
  active(): TraceContext | undefined;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
const NONE = /^0+$/;

/** Undefined for what is no trace context: a trace of our own begins then. */
export function parseTraceparent(text: string | undefined): (TraceContext & { readonly sampled: boolean }) | undefined {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(text ?? "") ?? [];
  if (traceId === "" || NONE.test(traceId) || NONE.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
