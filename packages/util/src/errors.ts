/**
 * Base of every error that crosses a package's edge. Callers decide by `code`, never by text.
 * `code` is stable: it travels between processes.
 */
export abstract class MillraceError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** For logs: the message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
