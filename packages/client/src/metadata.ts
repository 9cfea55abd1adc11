import type { Broker, ClusterIdentity, ClusterSettings, MetadataUpdate__Output, StreamKey } from "@millrace/proto";
import { assert, type Clock } from "@millrace/util";
import { type ShardView, StreamView } from "./stream-view.ts";

/** Iterators of so many streams, the last to go, can be answered by name. */
const REMOVED_KEYS_MAX = 1_000;

/** What an update touched, for those who keep something per stream, group or broker. */
export interface MetadataChange {
  readonly version: number;
  readonly streams: readonly StreamView[];
  readonly removedStreamIds: readonly number[];
  readonly brokersChanged: boolean;
}

/**
 * The cluster as this process last heard of it. A look-up costs a map access and is meant to be done per request: what it
 * returns never changes, and after an update the same look-up gives a new object. Updates are applied in one turn of the
 * event loop, so that look-ups without an await between them agree with each other.
 */
export class ClusterMetadata {
  readonly #clock: Clock;
  #version = 0;
  #identity: ClusterIdentity | undefined;
  #groupIdMax = 0;
  readonly #streamsById = new Map<number, StreamView>();
  readonly #streamsByKey = new Map<string, StreamView>();
  readonly #removedKeys = new Map<number, StreamKey>();
  /** Per account and region, by name (code points). Replaced, never changed. */
  readonly #namespaces = new Map<string, readonly StreamView[]>();
  readonly #shardsByGroup = new Map<number, ShardView>();
  #brokersByNode: ReadonlyMap<string, Broker> = new Map();
  #brokers: readonly Broker[] = [];
  readonly #listeners = new Set<(change: MetadataChange) => void>();
  readonly #waiters = new Set<VersionWaiter>();

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
  }

  /** 0: nothing heard yet. */
  get version(): number {
    return this.#version;
  }

  /** Undefined until the cluster is initialised. */
  get identity(): ClusterIdentity | undefined {
    return this.#identity;
  }

  get settings(): ClusterSettings | undefined {
    return this.#identity?.settings ?? undefined;
  }

  /** By node id. */
  get brokers(): readonly Broker[] {
    return this.#brokers;
  }

  get streamCount(): number {
    return this.#streamsById.size;
  }

  get groupCount(): number {
    return this.#shardsByGroup.size;
  }

  /** Group ids only grow: one above this is newer than this metadata; an unknown one below it is deleted. */
  get groupIdMax(): number {
    return this.#groupIdMax;
  }

  broker(nodeId: string): Broker | undefined {
    return this.#brokersByNode.get(nodeId);
  }

  stream(accountId: string, region: string, name: string): StreamView | undefined {
    return this.#streamsByKey.get(keyText(accountId, region, name));
  }

  streamById(streamId: number): StreamView | undefined {
    return this.#streamsById.get(streamId);
  }

  /** What it was called. Undefined as well when it went long ago, or before this process began. */
  removedKey(streamId: number): StreamKey | undefined {
    return this.#removedKeys.get(streamId);
  }

  /** By name. The array never changes. */
  streamsOf(accountId: string, region: string): readonly StreamView[] {
    return this.#namespaces.get(namespaceText(accountId, region)) ?? NO_STREAMS;
  }

  /** In no particular order. */
  allStreams(): IterableIterator<StreamView> {
    return this.#streamsById.values();
  }

  shardByGroup(groupId: number): ShardView | undefined {
    return this.#shardsByGroup.get(groupId);
  }

  /** Called after each update that changed something. Returns the function that ends it. */
  onChange(listener: (change: MetadataChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** True once this metadata has `version`; false when the time is over or the signal aborted first. */
  waitForVersion(version: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#version >= version) return Promise.resolve(true);
    if (timeoutMs <= 0 || signal?.aborted === true) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (arrived: boolean): void => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
        resolve(arrived);
      };
      const onAbort = (): void => finish(false);
      const waiter: VersionWaiter = { version, arrived: () => finish(true) };
      const timer = this.#clock.setTimer(timeoutMs, () => finish(false));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Takes the next update. Older ones than what is known, and repetitions, change nothing. Returns whether it did. */
  apply(update: MetadataUpdate__Output): boolean {
    if (update.version < this.#version || (update.version === this.#version && this.#version !== 0)) return false;
    const removedStreamIds = update.full
      ? this.#absentFrom(update)
      : update.removedStreamIds.filter((streamId) => this.#streamsById.has(streamId));
    for (const streamId of removedStreamIds) this.#remove(streamId);
    const streams = update.streams.map((stream) => new StreamView(stream));
    for (const view of streams) this.#put(view);
    const brokersChanged = update.full || update.brokersChanged;
    if (brokersChanged) {
      this.#brokers = [...update.brokers].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
      this.#brokersByNode = new Map(this.#brokers.map((broker) => [broker.nodeId, broker]));
    }
    if (update.cluster !== null) this.#identity = update.cluster;
    this.#version = update.version;
    for (const listener of this.#listeners) {
      listener({ version: update.version, streams, removedStreamIds, brokersChanged });
    }
    for (const waiter of this.#waiters) if (waiter.version <= update.version) waiter.arrived();
    return true;
  }

  #absentFrom(update: MetadataUpdate__Output): number[] {
    const present = new Set(update.streams.map((stream) => stream.streamId));
    return [...this.#streamsById.keys()].filter((streamId) => !present.has(streamId));
  }

  #put(view: StreamView): void {
    // A key moves to a new stream id when a stream is deleted and made again, perhaps within one update.
    const before = this.#streamsById.get(view.stream.streamId);
    if (before !== undefined) this.#dropGroups(before);
    const { accountId, region, name } = view.key;
    const key = keyText(accountId, region, name);
    this.#streamsById.set(view.stream.streamId, view);
    this.#streamsByKey.set(key, view);
    for (const shard of view.shards) {
      this.#shardsByGroup.set(shard.groupId, shard);
      this.#groupIdMax = Math.max(this.#groupIdMax, shard.groupId);
    }
    const namespace = namespaceText(accountId, region);
    const list = [...(this.#namespaces.get(namespace) ?? NO_STREAMS)];
    const at = firstNotBelow(list, name);
    list.splice(at, list[at]?.key.name === name ? 1 : 0, view);
    this.#namespaces.set(namespace, list);
  }

  #remove(streamId: number): void {
    const view = this.#streamsById.get(streamId);
    assert(view !== undefined, "only known streams are removed");
    this.#dropGroups(view);
    this.#streamsById.delete(streamId);
    this.#removedKeys.set(streamId, view.key);
    const oldest = this.#removedKeys.keys().next().value;
    if (this.#removedKeys.size > REMOVED_KEYS_MAX && oldest !== undefined) this.#removedKeys.delete(oldest);
    const { accountId, region, name } = view.key;
    const key = keyText(accountId, region, name);
    if (this.#streamsByKey.get(key) !== view) return; // the name belongs to a newer stream already
    this.#streamsByKey.delete(key);
    const namespace = namespaceText(accountId, region);
    const rest = (this.#namespaces.get(namespace) ?? NO_STREAMS).filter((other) => other !== view);
    if (rest.length === 0) this.#namespaces.delete(namespace);
    else this.#namespaces.set(namespace, rest);
  }

  #dropGroups(view: StreamView): void {
    for (const shard of view.shards) this.#shardsByGroup.delete(shard.groupId);
  }
}

interface VersionWaiter {
  readonly version: number;
  arrived(): void;
}

const NO_STREAMS: readonly StreamView[] = [];

/** The name of a stream as one text. No part can hold the separator. */
export function streamKeyText(key: StreamKey): string {
  return keyText(key.accountId, key.region, key.name);
}

function keyText(accountId: string, region: string, name: string): string {
  return `${accountId}/${region}/${name}`;
}

function namespaceText(accountId: string, region: string): string {
  return `${accountId}/${region}`;
}

function firstNotBelow(list: readonly StreamView[], name: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as StreamView).key.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
