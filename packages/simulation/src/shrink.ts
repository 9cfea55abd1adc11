import { type LifeOptions, type LifeResult, runLife } from "./life.ts";

const SHORTEST_MS = 500;

/**
 * The shortest life of this seed that still fails, found by halving: what happens in a shorter life is what happens at the
 * beginning of the longer one.
 */
export function shrink(options: LifeOptions): { readonly durationMs: number; readonly result: LifeResult } {
  let durationMs = options.durationMs;
  let result = runLife({ ...options, durationMs });
  let low = 0;
  while (durationMs - low > SHORTEST_MS) {
    const middle = Math.ceil((low + durationMs) / 2);
    const shorter = runLife({ ...options, durationMs: middle });
    if (shorter.violations.length > 0) {
      durationMs = middle;
      result = shorter;
    } else {
      low = middle;
    }
  }
  return { durationMs, result };
}
