import { ClusterMetadata, ShardGone, type ShardRouter, type ShardView } from "@millrace/client";
import { type MetadataUpdate__Output, type ReadResult, type Shard, type Stream } from "@millrace/proto";
import { realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import type { Services } from "../operations/operation.ts";
import { stepsOf } from "./subscription-steps.ts";

const key = { accountId: "000000000000", region: "us-east-1", name: "s" };
const shardOf = (number: number, rest: Partial<Shard> = {}) => ({
  ...{ number, groupId: 16 + number, startingHashKey: "0", endingHashKey: `${2n ** 128n - 1n}` },
  ...{ createdAtS: 1_700_000_000, closedAtS: 0, parent: -1, adjacentParent: -1, replicas: ["a"], ...rest },
});

/** A shard whose pages are given; the metadata and the clock are real. */
class Subscribed {
  readonly metadata = new ClusterMetadata({ clock: realWorld().clock });
  readonly over = new AbortController();
  isReleased = false;
  #version = 0;
  readonly #pages: readonly ReadResult[];

  constructor(pages: readonly ReadResult[] = []) {
    this.#pages = pages;
    this.know([shardOf(0)]);
  }

  know(shards: readonly object[], removedStreamIds: readonly number[] = []): void {
    const stream = {
      streamId: 1,
      key,
      status: "ACTIVE",
      mode: "ON_DEMAND",
      consumers: [],
      shards,
    } as unknown as Stream;
    const streams = shards.length === 0 ? [] : [stream];
    const full = this.#version++ === 0;
    const update = { version: this.#version, full, streams, removedStreamIds, brokers: [], brokersChanged: false };
    this.metadata.apply({ ...update, cluster: null } as unknown as MetadataUpdate__Output);
  }

  steps() {
    const { pages, metadata } = { pages: this.#pages, metadata: this.metadata };
    const released = (): void => void (this.isReleased = true);
    const router = {
      async *subscribe() {
        try {
          yield* pages;
        } finally {
          released();
        }
      },
    } as unknown as ShardRouter;
    const services = { clock: realWorld().clock, metadata, router, hasQuotas: true } as unknown as Services;
    return stepsOf(services, metadata.shardByGroup(16) as ShardView, 0, this.over.signal);
  }
}

const CLOSED = { closedAtS: 1_700_000_100 };
const PAGE = { batches: Buffer.alloc(0), startOffset: 0, endOffset: 1, lastArrivalTimeMs: 0 } as unknown as ReadResult;

test("a shard's end is told with its children, however long after its last record they become known", async () => {
  const subscribed = new Subscribed();
  let step: unknown;
  const coming = subscribed.steps().next();
  void coming.then(({ value }) => (step = value));
  for (const shards of [[shardOf(0)], [shardOf(0), shardOf(7)]]) {
    subscribed.know(shards); // other news
    await new Promise((resolve) => setImmediate(resolve));
    expect(step).toBeUndefined();
  }
  subscribed.know([shardOf(0, CLOSED), shardOf(1, { parent: 0 }), shardOf(2, { parent: 0 })]);
  const children = ["shardId-000000000001", "shardId-000000000002"];
  expect((await coming).value).toMatchObject({ childShards: children.map((ShardId) => ({ ShardId })) });
});

test("a subscription that is over while children are not known has no end to tell", async () => {
  const subscribed = new Subscribed();
  const coming = subscribed.steps().next();
  subscribed.over.abort();
  expect(await coming).toEqual({ done: true, value: undefined });
});

test("a stream that is deleted while children are not known is gone", async () => {
  const subscribed = new Subscribed();
  const coming = subscribed.steps().next();
  await new Promise((resolve) => setImmediate(resolve));
  subscribed.know([], [1]);
  await expect(coming).rejects.toBeInstanceOf(ShardGone);
});

test("whoever returns between two pages gives the broker's subscription back", async () => {
  const subscribed = new Subscribed([PAGE, PAGE]);
  const steps = subscribed.steps();
  expect((await steps.next()).value).toEqual({ page: PAGE });
  expect(subscribed.isReleased).toBe(false);
  await steps.return();
  expect(subscribed.isReleased).toBe(true);
});
