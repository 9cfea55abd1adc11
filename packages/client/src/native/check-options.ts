/** Longer timers end at once in Node. */
export const DURATION_MS_MAX = 2 ** 31 - 1;

/** What would hang, or have no bound, is refused instead. @throws RangeError */
export function checkOptions(
  options: Readonly<Record<string, number>>,
  { min, max = Infinity }: { readonly min: number; readonly max?: number },
): void {
  for (const [name, value] of Object.entries(options)) {
    if (!(value >= min)) throw new RangeError(`${name} is at least ${min}`);
    if (value > max) throw new RangeError(`${name} is at most ${max}`);
  }
}
