import type { EntryAttributes } from "./log-store.ts";

/** Looks up the searchable numbers of one entry; undefined for entries that have none. */
export type AttributesAt = (index: number) => EntryAttributes | undefined;

/**
 * The last index in [first, last] whose attributes satisfy `holds`, which must be true for a beginning of the log and
 * false after it. Entries without attributes (a new term's first, a membership change) are stepped over.
 */
export function lastWhere(
  first: number,
  last: number,
  attributesAt: AttributesAt,
  holds: (attributes: EntryAttributes) => boolean,
): number | undefined {
  let low = first;
  let high = last;
  let found: number | undefined;
  while (low <= high) {
    const middle = (low + high) >>> 0 === low + high ? (low + high) >>> 1 : Math.floor((low + high) / 2);
    let probe = middle;
    let attributes = attributesAt(probe);
    while (attributes === undefined && probe > low) attributes = attributesAt(--probe);
    if (attributes === undefined) {
      low = middle + 1;
    } else if (holds(attributes)) {
      found = probe;
      low = middle + 1;
    } else {
      high = probe - 1;
    }
  }
  return found;
}

/** The first index in [first, last] that has attributes and does not satisfy `holds`. */
export function firstNotWhere(
  first: number,
  last: number,
  attributesAt: AttributesAt,
  holds: (attributes: EntryAttributes) => boolean,
): number | undefined {
  const before = lastWhere(first, last, attributesAt, holds);
  for (let index = before === undefined ? first : before + 1; index <= last; index++) {
    if (attributesAt(index) !== undefined) return index;
  }
  return undefined;
}
