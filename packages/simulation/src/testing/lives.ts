import { type LifeOptions, type LifeResult, runLife } from "../life.ts";

export function live(options: LifeOptions): Promise<LifeResult> {
  return inOwnTurn(() => runLife(options));
}

/** For a life: within a promise's continuation its microtasks could not be run out. */
export function inOwnTurn(life: () => LifeResult): Promise<LifeResult> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(life());
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

/** Violations by seed, of those that have any. */
export async function violationsOf(
  from: number,
  count: number,
  durationMs: number,
): Promise<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {};
  for (let seed = from; seed < from + count; seed++) {
    const { violations } = await live({ seed: String(seed), durationMs });
    if (violations.length > 0) found[seed] = violations.slice(0, 5);
  }
  return found;
}
