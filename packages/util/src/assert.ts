/** Thrown by `assert`: a mistake of our own, never the consequence of bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** States what must be true. Stays on in production: a node that finds itself wrong stops rather than lies. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Narrows away `undefined` where the surrounding code guarantees a value. */
export function defined<T>(value: T | undefined, message: string): T {
  assert(value !== undefined, message);
  return value;
}

/** The exhaustive end of a `switch` over a closed union. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
