import type { Consumer, TagChange } from "@millrace/proto";
import type { Tag } from "./model/generated/kinesis-types.ts";
import { awsError } from "./errors.ts";

const VALID = /^[\p{L}\p{N}\p{Zs}_.:/=+\-%@]*$/u;
const RESERVED_PREFIX = "aws:";

/** @throws AwsError TAG_CHARACTERS, INVALID_ARGUMENT */
export function checkTags(texts: Iterable<string>): void {
  for (const text of texts) if (!VALID.test(text)) throw awsError("TAG_CHARACTERS", {});
}

/** @throws AwsError INVALID_ARGUMENT */
export function checkTagKeys(keys: Iterable<string>): void {
  for (const key of keys) {
    if (key.toLowerCase().startsWith(RESERVED_PREFIX)) {
      throw awsError("INVALID_ARGUMENT", { text: `Tag keys must not start with ${RESERVED_PREFIX}.` });
    }
  }
}

/** Of the stream, or of one of its consumers. */
export function tagChange(consumer: Consumer | undefined, change: Omit<TagChange, "consumer">): TagChange {
  return consumer === undefined ? change : { consumer: { name: consumer.name, ...change } };
}

/** Sorted by key. */
export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([Key, Value]) => ({ Key, Value }));
}
