import type { Broker, ClusterIdentity, CommandResult__Output, Shard, Stream, StreamKey } from "@millrace/proto";
import { assert } from "@millrace/util";
import { ConsumerGroups, type StoredGroup } from "./consumer-groups.ts";

/** A broker as the controller knows it; `diskId` tells one incarnation from the next. */
export interface BrokerRecord extends Broker {
  readonly diskId: string;
}

/** What a decision changed, for the watchers. */
export interface Changes {
  readonly streamIds: Set<number>;
  readonly removedStreamIds: Set<number>;
  brokers: boolean;
  cluster: boolean;
}

/** Answers of this many commands are remembered, so that a repetition is not a second decision. */
const COMMAND_RESULTS_MAX = 10_000;
const FIRST_GROUP_ID = 16;
const DEFAULT_REPLICATION_FACTOR = 3;
const DEFAULT_REPLACE_BROKER_AFTER_S = 300;
export const FORMAT_VERSION = 1;

/**
 * All metadata. Replicated: it changes only by applied decisions, the same on every replica. Streams and brokers are values:
 * a change replaces them, so whoever holds one may keep it.
 */
export class ClusterState {
  version = 0;
  cluster: ClusterIdentity | undefined;
  readonly brokers = new Map<string, BrokerRecord>();
  readonly #streams = new Map<number, Stream>();
  readonly #streamIdsByKey = new Map<string, number>();
  #groups = new ConsumerGroups();
  readonly #results = new Map<string, CommandResult__Output>();
  #nextStreamId = 1;
  #nextGroupId = FIRST_GROUP_ID;
  #removedCreatedAtS = 0;
  #changes = emptyChanges();

  get streams(): ReadonlyMap<number, Stream> {
    return this.#streams;
  }

  /** Changes of theirs are no change of the metadata. */
  get groups(): ConsumerGroups {
    return this.#groups;
  }

  /** Copies of each shard. */
  get replicationFactor(): number {
    return this.cluster?.settings?.replicationFactor || DEFAULT_REPLICATION_FACTOR;
  }

  /** A broker that is silent for so long is taken for lost. */
  get replaceBrokerAfterMs(): number {
    return (this.cluster?.settings?.replaceBrokerAfterS || DEFAULT_REPLACE_BROKER_AFTER_S) * 1_000;
  }

  streamByKey(key: StreamKey): Stream | undefined {
    const streamId = this.#streamIdsByKey.get(keyText(key));
    return streamId === undefined ? undefined : this.#streams.get(streamId);
  }

  *streamsOf(accountId: string, region: string): Generator<Stream> {
    for (const stream of this.#streams.values()) {
      if (stream.key?.accountId === accountId && stream.key.region === region) yield stream;
    }
  }

  /** The newest creation time of any shard of a stream that is gone. */
  get removedCreatedAtS(): number {
    return this.#removedCreatedAtS;
  }

  /** Of all streams, those to be made by reshards included. */
  get shardCount(): number {
    let count = 0;
    for (const { shards, reshard } of this.#streams.values()) count += shards.length + (reshard?.children.length ?? 0);
    return count;
  }

  takeStreamId(): number {
    return this.#nextStreamId++;
  }

  takeGroupId(): number {
    return this.#nextGroupId++;
  }

  putStream(stream: Stream): void {
    assert(stream.key !== null, "a stream has a key");
    this.#streams.set(stream.streamId, stream);
    this.#streamIdsByKey.set(keyText(stream.key), stream.streamId);
    this.#changes.streamIds.add(stream.streamId);
  }

  removeStream(stream: Stream): void {
    assert(stream.key !== null, "a stream has a key");
    this.#streams.delete(stream.streamId);
    if (this.#streamIdsByKey.get(keyText(stream.key)) === stream.streamId) {
      this.#streamIdsByKey.delete(keyText(stream.key));
    }
    this.#groups.removeStream(stream.streamId);
    this.#removedCreatedAtS = Math.max(this.#removedCreatedAtS, newestCreatedAtS(stream));
    this.#changes.streamIds.delete(stream.streamId);
    this.#changes.removedStreamIds.add(stream.streamId);
  }

  putBroker(broker: BrokerRecord): void {
    this.brokers.set(broker.nodeId, broker);
    this.#changes.brokers = true;
  }

  removeBroker(nodeId: string): void {
    if (this.brokers.delete(nodeId)) this.#changes.brokers = true;
  }

  setCluster(cluster: ClusterIdentity): void {
    this.cluster = cluster;
    this.#changes.cluster = true;
  }

  /** Ends one decision: a new version when anything changed. */
  takeChanges(): Changes | undefined {
    const changes = this.#changes;
    const { streamIds, removedStreamIds, brokers, cluster } = changes;
    if (streamIds.size === 0 && removedStreamIds.size === 0 && !brokers && !cluster) return undefined;
    this.#changes = emptyChanges();
    this.version++;
    return changes;
  }

  resultOf(commandId: string): CommandResult__Output | undefined {
    return this.#results.get(commandId);
  }

  remember(commandId: string, result: CommandResult__Output): void {
    this.#results.set(commandId, result);
    if (this.#results.size <= COMMAND_RESULTS_MAX) return;
    const oldest = this.#results.keys().next().value;
    if (oldest !== undefined) this.#results.delete(oldest);
  }

  /** The same bytes on every replica that applied the same decisions. */
  encode(): Buffer {
    const { cluster } = this;
    return Buffer.from(
      JSON.stringify({
        format: FORMAT_VERSION,
        version: this.version,
        nextStreamId: this.#nextStreamId,
        nextGroupId: this.#nextGroupId,
        removedCreatedAtS: this.#removedCreatedAtS,
        cluster: cluster && { ...cluster, tokenKey: Buffer.from(cluster.tokenKey).toString("base64") },
        brokers: [...this.brokers.values()],
        streams: [...this.#streams.values()],
        groups: this.#groups.toStored(),
        results: [...this.#results],
      }),
    );
  }

  /** Empty bytes are the beginning. @throws Error for another format */
  static decode(bytes: Buffer): ClusterState {
    const state = new ClusterState();
    if (bytes.length === 0) return state;
    const stored = JSON.parse(bytes.toString()) as StoredState;
    if (stored.format !== FORMAT_VERSION) throw new Error(`unknown format ${stored.format} of the controller's state`);
    if (stored.cluster !== undefined) {
      const { restoredGroupIdMax = 0 } = stored.cluster;
      state.cluster = {
        ...stored.cluster,
        restoredGroupIdMax,
        tokenKey: Buffer.from(stored.cluster.tokenKey, "base64"),
      };
    }
    for (const broker of stored.brokers) state.brokers.set(broker.nodeId, broker);
    for (const stream of stored.streams) state.putStream(withConsumerTags(withMoves(stream)));
    for (const [commandId, result] of stored.results) state.#results.set(commandId, withRefusedShards(result));
    state.#groups = ConsumerGroups.fromStored(stored.groups ?? []);
    state.#nextStreamId = stored.nextStreamId;
    state.#nextGroupId = stored.nextGroupId;
    state.#removedCreatedAtS = stored.removedCreatedAtS ?? 0;
    state.#changes = emptyChanges();
    state.version = stored.version;
    return state;
  }
}

export interface StoredState {
  format: number;
  version: number;
  nextStreamId: number;
  nextGroupId: number;
  /** Absent in what was stored before it was kept. */
  removedCreatedAtS?: number;
  cluster?: Omit<ClusterIdentity, "tokenKey" | "restoredGroupIdMax"> & {
    tokenKey: string;
    restoredGroupIdMax?: number;
  };
  brokers: BrokerRecord[];
  streams: Stream[];
  /** Absent in what was stored before there were any. */
  groups?: readonly StoredGroup[];
  results: [string, CommandResult__Output][];
}

/** Its shards, and those that a reshard is making. */
export function shardsOf({ shards, reshard }: Stream): readonly Shard[] {
  return reshard === null ? shards : [...shards, ...reshard.children];
}

/** Stored before replicas could move. */
function withMoves(stream: Stream): Stream {
  const upgraded = (shards: readonly Shard[]): Shard[] =>
    shards.map((shard) => ({
      ...shard,
      joining: shard.joining ?? "",
      leaving: shard.leaving ?? "",
      left: shard.left ?? [],
      placedVersion: shard.placedVersion ?? 0,
      termMin: shard.termMin ?? 0,
      joinId: shard.joinId ?? 0,
      forgotten: shard.forgotten ?? [],
    }));
  const { shards, reshard } = stream;
  return {
    ...stream,
    shards: upgraded(shards),
    reshard: reshard === null ? null : { ...reshard, children: upgraded(reshard.children) },
  };
}

/** Stored before consumers had tags. */
function withConsumerTags(stream: Stream): Stream {
  return { ...stream, consumers: stream.consumers.map((consumer) => ({ ...consumer, tags: consumer.tags ?? {} })) };
}

/** Stored before there were leases. */
function withRefusedShards(result: CommandResult__Output): CommandResult__Output {
  return { ...result, refusedShards: result.refusedShards ?? [] };
}

/** No shard of the stream was created after it. Epoch seconds. */
export function newestCreatedAtS({ shards }: Stream): number {
  return shards.reduce((newest, { createdAtS }) => Math.max(newest, createdAtS), 0);
}

function emptyChanges(): Changes {
  return { streamIds: new Set(), removedStreamIds: new Set(), brokers: false, cluster: false };
}

function keyText({ accountId, region, name }: StreamKey): string {
  return `${accountId}/${region}/${name}`;
}
