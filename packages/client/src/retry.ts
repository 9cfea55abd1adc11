import { retry } from "@lifeomic/attempt";
import type { Clock, Random } from "@millrace/util";

/** Ends an attempt that may be repeated after `delayMs`. Internal: it never leaves this package. */
export class TryAgain extends Error {
  readonly delayMs: number;

  constructor(delayMs: number, options?: { cause?: unknown }) {
    super("try again", options);
    this.delayMs = delayMs;
  }
}

export interface RetryOptions {
  readonly clock: Clock;
  /** Monotonic. No attempt starts after it. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Before the first attempt. */
  readonly initialDelayMs?: number;
}

/**
 * Repeats `attempt` while it throws TryAgain, until the deadline or the abort; then the last TryAgain is thrown. Any other
 * error passes through. Waits are ours, not the library's: they come from the injected clock. They are short, so the
 * signal is looked at after each, and no listener is ever put on it.
 */
export async function retryUntilDeadline<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, deadlineMs, signal, initialDelayMs = 0 } = options;
  const leftMs = (): number => deadlineMs - clock.monotonicMs();
  const isAborted = (): boolean => signal?.aborted === true;
  if (initialDelayMs > 0) await clock.sleep(Math.min(initialDelayMs, Math.max(0, leftMs())));
  return retry(attempt, {
    maxAttempts: 0, // bounded by the deadline
    delay: 0,
    handleError: async (error, context) => {
      if (!(error instanceof TryAgain) || leftMs() <= error.delayMs || isAborted()) {
        context.abort();
        return;
      }
      if (error.delayMs > 0) await clock.sleep(error.delayMs);
      if (isAborted()) context.abort();
    },
  });
}

/** Full jitter between `minMs` and an exponential ceiling. `attemptIndex` counts from 0. */
export function backoffMs(random: Random, attemptIndex: number, minMs: number, maxMs: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attemptIndex, 20));
  return random.between(minMs, Math.max(minMs, Math.floor(ceilingMs)));
}
