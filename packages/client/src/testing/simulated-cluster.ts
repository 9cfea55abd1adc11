import { type ReadResult, readBatchHeader, recordsOf, type Shard, type Stream } from "@millrace/proto";
import { type Random, silentLogger } from "@millrace/util";
import { BatchBuilder } from "../batch-builder.ts";
import { ClusterMetadata } from "../metadata.ts";
import { type ClosableShardRouter, createShardRouter, type ShardRouterOptions } from "../router.ts";
import type { StreamView } from "../stream-view.ts";
import { ManualClock } from "./manual-clock.ts";
import { brokerOf, deltaUpdate, fullUpdate, streamOf } from "./metadata-fixtures.ts";
import { follows, ScriptedReplica } from "./scripted-replica.ts";
import { SharedLog } from "./shared-log.ts";
import { SimulatedNetwork } from "./simulated-network.ts";

export const GROUP = 100;

/** Three replicas and one that is none ("d"), a router over a simulated network, and a clock that is moved by hand. */
export class SimulatedCluster {
  readonly clock = new ManualClock();
  readonly random: Random = seededRandom(1);
  readonly logs = new Map<number, SharedLog>();
  readonly replicas: ScriptedReplica[];
  readonly network: SimulatedNetwork;
  readonly metadata: ClusterMetadata;
  readonly router: ClosableShardRouter;
  #batches = 0;

  constructor(options: Partial<ShardRouterOptions> & { shardCount?: number } = {}) {
    const { clock, random } = this;
    const { shardCount = 1 } = options;
    for (let shard = 0; shard < shardCount; shard++) this.addLog(GROUP + shard);
    this.replicas = ["a", "b", "c", "d"].map((nodeId) => new ScriptedReplica(nodeId, this.logs));
    this.network = new SimulatedNetwork(clock, this.replicas);
    this.metadata = new ClusterMetadata({ clock });
    const brokers = this.replicas.map(({ nodeId }) => brokerOf(nodeId, nodeId));
    this.metadata.apply(fullUpdate(1, [streamOf(1, "orders", { shardCount })], brokers));
    const { connect } = this.network;
    const own = { metadata: this.metadata, clock, random, logger: silentLogger, connect };
    this.router = createShardRouter({ ...own, ...options });
    this.lead("a");
  }

  addLog(groupId: number): SharedLog {
    const log = new SharedLog(() => this.clock.nowMs());
    this.logs.set(groupId, log);
    return log;
  }

  get log(): SharedLog {
    return this.logs.get(GROUP) as SharedLog;
  }

  replica(nodeId: string): ScriptedReplica {
    return this.replicas.find((replica) => replica.nodeId === nodeId) as ScriptedReplica;
  }

  /** The others say so, or say what `believed` is. */
  lead(leaderId: string | undefined, believed = leaderId): void {
    for (const replica of this.replicas) {
      const isLeader = replica.nodeId === leaderId;
      replica.script = isLeader ? () => "serve" : follows(believed === replica.nodeId ? undefined : believed);
      if (!isLeader) replica.endSubscriptions(believed ?? "");
    }
  }

  /** A change of the one stream, as the controllers would tell it. */
  update(change: (stream: Stream) => Stream): void {
    const { metadata } = this;
    const stream = (metadata.streamById(1) as StreamView).stream;
    metadata.apply(deltaUpdate(metadata.version + 1, { streams: [change(stream)] }));
  }

  /** Closes the parents' logs and makes the children's; the metadata hears of it with `reveal`. */
  reshard(parents: readonly number[], childCount: 1 | 2): { children: number[]; reveal: () => void } {
    const { stream } = this.metadata.streamById(1) as StreamView;
    const [first = 0, second = -1] = parents;
    const ranges = parents.map((number) => stream.shards.find((shard) => shard.number === number) as Shard);
    const starts = ranges.map((shard) => BigInt(shard.startingHashKey)).sort((a, b) => (a < b ? -1 : 1));
    const ends = ranges.map((shard) => BigInt(shard.endingHashKey)).sort((a, b) => (a < b ? 1 : -1));
    const [start, end] = [starts[0] as bigint, ends[0] as bigint];
    const middle = (start + end) / 2n;
    const pieces =
      childCount === 1
        ? [[start, end]]
        : [
            [start, middle],
            [middle + 1n, end],
          ];
    const next = Math.max(...stream.shards.map(({ number }) => number)) + 1;
    const template = ranges[0] as Shard;
    const children = pieces.map(([from, to], index): Shard => ({
      ...template,
      number: next + index,
      groupId: GROUP + next + index,
      startingHashKey: (from as bigint).toString(),
      endingHashKey: (to as bigint).toString(),
      createdAtS: template.createdAtS + next,
      parent: first,
      adjacentParent: second,
    }));
    for (const child of children) this.addLog(child.groupId);
    for (const parent of parents) (this.logs.get(GROUP + parent) as SharedLog).close();
    const closed = (shard: Shard): Shard => (parents.includes(shard.number) ? { ...shard, closedAtS: 1 } : shard);
    const reveal = (): void => this.update((now) => ({ ...now, shards: [...now.shards.map(closed), ...children] }));
    return { children: children.map(({ number }) => number), reveal };
  }

  batch(text?: string): Buffer {
    const batchId = Buffer.alloc(16);
    batchId.writeUInt32LE(++this.#batches);
    const builder = new BatchBuilder();
    const data = Buffer.from(text ?? `record ${this.#batches}`);
    builder.addRecord(data, 0, data.length, data, 0, data.length);
    return builder.seal({ flags: 0, batchId });
  }
}

export function textsOf({ batches }: Pick<ReadResult, "batches">, fromOffset = 0): string[] {
  const texts: string[] = [];
  for (let at = 0; at < batches.length;) {
    const header = readBatchHeader(batches, at);
    for (const record of recordsOf(batches, at, header)) {
      if (record.offset >= fromOffset) texts.push(record.data.toString());
    }
    at += header.sizeBytes;
  }
  return texts;
}

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => Math.floor(next() * 256))),
    fork: (label) => seededRandom(seed + [...label].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7)),
  };
}
