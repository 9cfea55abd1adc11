/** Tags of streams and of their consumers. */
import { TAGS_MAX } from "./limits.ts";

type Tags = Readonly<Record<string, string>>;

export interface TagSets {
  readonly set: Tags;
  readonly remove: readonly string[];
}

/** In one order on every replica, whatever the order of the changes was. */
export function changedTags(tags: Tags, { set, remove }: TagSets): Record<string, string> {
  const next = { ...tags, ...set };
  for (const key of remove) delete next[key];
  return Object.fromEntries(Object.entries(next).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function areTooManyTags(tags: Tags): boolean {
  return Object.keys(tags).length > TAGS_MAX;
}
