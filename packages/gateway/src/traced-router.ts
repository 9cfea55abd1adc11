import type { ShardRouter } from "@millrace/client";
import { type Span, type SpanAttributes, type Tracer } from "@millrace/util";

/** What goes to brokers for a request that is traced is a part of its trace; appends tell the broker so. */
export function tracedRouter(router: ShardRouter, tracer: Tracer): ShardRouter {
  const part = (name: string, attributes: SpanAttributes): Span | undefined => {
    const parent = tracer.active();
    return parent === undefined ? undefined : tracer.startPart(name, "client", parent, attributes);
  };
  return {
    append: (groupId, batch, options) => {
      const span = part("ShardLog.Append", { "millrace.group": groupId, "millrace.bytes": batch.length });
      if (span === undefined) return router.append(groupId, batch, options);
      return ended(span, router.append(groupId, batch, { ...options, trace: span.context }));
    },
    read: (request, options) => {
      const span = part("ShardLog.Read", { "millrace.group": request.groupId });
      return span === undefined ? router.read(request, options) : ended(span, router.read(request, options));
    },
    locate: (request, options) => {
      const span = part("ShardLog.Locate", { "millrace.group": request.groupId });
      return span === undefined ? router.locate(request, options) : ended(span, router.locate(request, options));
    },
    claim: (request, options) => router.claim(request, options),
    subscribe: (groupId, fromOffset, signal) => router.subscribe(groupId, fromOffset, signal),
  };
}

async function ended<T>(span: Span, result: Promise<T>): Promise<T> {
  try {
    const value = await result;
    span.end();
    return value;
  } catch (error) {
    span.end({ error: error instanceof Error ? error.constructor.name : "unknown" });
    throw error;
  }
}
