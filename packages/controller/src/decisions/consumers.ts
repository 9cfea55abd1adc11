/** What `updateStream` changes about the consumers of a stream. Each answers with all of them, sorted by name. */
import type { Consumer, Stream } from "@millrace/proto";
import { Refusal } from "./decision.ts";
import { TAGS_MAX } from "./limits.ts";
import { areTooManyTags, changedTags, type TagSets } from "./tags.ts";

const CONSUMERS_PER_STREAM_MAX = 20;

/** @throws Refusal CONSUMER_EXISTS, LIMIT_EXCEEDED, INVALID_ARGUMENT */
export function registered({ consumers }: Stream, consumer: Omit<Consumer, "policy">): Consumer[] {
  const { name } = consumer;
  if (consumers.some((each) => each.name === name)) throw new Refusal("CONSUMER_EXISTS", `${name} exists`);
  if (consumers.length >= CONSUMERS_PER_STREAM_MAX) {
    throw new Refusal("LIMIT_EXCEEDED", `A stream has at most ${CONSUMERS_PER_STREAM_MAX} consumers.`);
  }
  const tags = checkedTags(name, {}, { set: consumer.tags, remove: [] });
  return [...consumers, { ...consumer, tags, policy: "" }].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws Refusal CONSUMER_NOT_FOUND */
export function deregistered({ consumers }: Stream, consumerName: string | undefined): Consumer[] {
  const rest = consumers.filter(({ name }) => name !== consumerName);
  if (rest.length === consumers.length) throw new Refusal("CONSUMER_NOT_FOUND", "no such consumer");
  return rest;
}

/** @throws Refusal CONSUMER_NOT_FOUND */
export function withPolicy(stream: Stream, name: string, policy: string): Consumer[] {
  return withChanged(stream, name, (consumer) => ({ ...consumer, policy }));
}

/** @throws Refusal CONSUMER_NOT_FOUND, INVALID_ARGUMENT */
export function withTags(stream: Stream, { name, ...change }: TagSets & { readonly name: string }): Consumer[] {
  return withChanged(stream, name, (consumer) => ({ ...consumer, tags: checkedTags(name, consumer.tags, change) }));
}

function withChanged({ consumers }: Stream, name: string, change: (consumer: Consumer) => Consumer): Consumer[] {
  if (!consumers.some((each) => each.name === name)) throw new Refusal("CONSUMER_NOT_FOUND", "no such consumer");
  return consumers.map((each) => (each.name === name ? change(each) : each));
}

function checkedTags(name: string, tags: Consumer["tags"], change: TagSets): Record<string, string> {
  const next = changedTags(tags, change);
  if (!areTooManyTags(next)) return next;
  // Worded like the service's text for streams.
  const text = `because a given consumer cannot have more than ${TAGS_MAX} tags associated with it.`;
  throw new Refusal("INVALID_ARGUMENT", `Failed to add tags to consumer ${name} ${text}`);
}
