/** Thrown by `assert`: a mistake of this package or of its host, never the consequence of a message. */
export class RaftAssertionError extends Error {
  override readonly name = "RaftAssertionError";
}

/** This package imports nothing, so it has its own. Stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RaftAssertionError(message);
}
