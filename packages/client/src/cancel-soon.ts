/**
 * Cancels a gRPC call in a turn of its own. Never cancel from within an event of another call on the same connection: while
 * the HTTP/2 session is being torn down, that loops for ever in native code and takes the process with it (grpc-js 1.14.7,
 * Node 20.20; "a broker that comes back" in router.test.ts hangs without this).
 */
export function cancelSoon(call: { cancel(): void } | undefined): void {
  if (call !== undefined) setImmediate(() => call.cancel());
}
