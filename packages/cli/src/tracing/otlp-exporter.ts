import { errorMessage, type Logger, type SpanAttributes, type TraceContext } from "@millrace/util";

export interface FinishedSpan {
  readonly name: string;
  readonly kind: "server" | "client";
  readonly context: TraceContext;
  readonly parentSpanId: string | undefined;
  readonly startNanos: bigint;
  readonly endNanos: bigint;
  readonly attributes: SpanAttributes;
  readonly error: string | undefined;
}

export interface OtlpExporterOptions {
  /** Of a collector, for example `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly service: string;
  readonly nodeId: string;
  readonly az: string;
  readonly logger: Logger;
}

const SEND_EVERY_MS = 1_000;
const SPANS_PER_REQUEST_MAX = 512;
/** Beyond it spans are dropped: a collector that is away must cost nothing else. */
const WAITING_MAX = 8_192;
const TIMEOUT_MS = 5_000;
const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/**
 * OTLP over HTTP in JSON, which is all that is needed of it: OpenTelemetry's own exporters want a newer Node than this program does,
 * and a span that is lost is no harm.
 */
export class OtlpExporter {
  readonly #options: OtlpExporterOptions;
  readonly #timer: NodeJS.Timeout;
  #waiting: FinishedSpan[] = [];
  #dropped = 0;
  #isFailing = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: OtlpExporterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#sendSome(), SEND_EVERY_MS);
    this.#timer.unref();
  }

  add(span: FinishedSpan): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length === SPANS_PER_REQUEST_MAX) void this.#sendSome();
  }

  /** Sends what waits, once. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sendSome();
  }

  /** One request at a time. */
  #sendSome(): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      while (this.#waiting.length > 0) {
        const spans = this.#waiting.slice(0, SPANS_PER_REQUEST_MAX);
        this.#waiting = this.#waiting.slice(SPANS_PER_REQUEST_MAX);
        if (!(await this.#send(spans))) return;
      }
    });
    return this.#sending;
  }

  async #send(spans: readonly FinishedSpan[]): Promise<boolean> {
    const { endpoint, logger } = this.#options;
    try {
      const response = await fetch(`${endpoint.replace(/\/$/, "")}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(this.#body(spans)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`status ${response.status}`);
      if (this.#isFailing) logger.info({ endpoint, dropped: this.#dropped }, "traces are taken again");
      this.#isFailing = false;
      this.#dropped = 0;
      return true;
    } catch (error) {
      this.#dropped += spans.length;
      if (!this.#isFailing) logger.warn({ endpoint, error: errorMessage(error) }, "traces are not taken: dropped");
      this.#isFailing = true;
      return false;
    }
  }

  #body(spans: readonly FinishedSpan[]): object {
    const { service, nodeId, az } = this.#options;
    const resource = attributesOf({
      "service.name": service,
      "service.instance.id": nodeId,
      "cloud.availability_zone": az,
    });
    const scope = { name: "millrace" };
    return {
      resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans: spans.map(encodeSpan) }] }],
    };
  }
}

function encodeSpan(span: FinishedSpan): object {
  const { name, kind, context, parentSpanId, startNanos, endNanos, attributes, error } = span;
  return {
    ...context,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: String(startNanos),
    endTimeUnixNano: String(endNanos),
    attributes: attributesOf({ ...attributes, "error.type": error }),
    status: error === undefined ? {} : { code: STATUS_ERROR },
  };
}

function attributesOf(attributes: SpanAttributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [{ key, value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value } }];
  });
}
