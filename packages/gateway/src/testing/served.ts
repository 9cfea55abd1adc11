/** For tests of what a gateway answers by itself: the real one with metadata of the test's choice, without controllers and brokers. */
import { ClusterMetadata, type ControllerConnection, type ShardRouter } from "@millrace/client";
import { type MetadataUpdate__Output, type Stream, uniformHashKeyRanges } from "@millrace/proto";
import { realWorld, silentLogger, type World } from "@millrace/util";
import { Registry } from "prom-client";
import { Gateway } from "../gateway.ts";
import { gatewayMetrics } from "../metrics.ts";
import type { Encoding } from "../protocol/wire-value.ts";

const CALLER = { accountId: "000000000000", region: "us-east-1" };

/** An ACTIVE stream. */
export function streamOfShards(name: string, shardCount: number, change: Partial<Stream> = {}): Stream {
  const shards = uniformHashKeyRanges(shardCount).map(({ starting, ending }, number) => ({
    ...{ number, groupId: 16 + number, startingHashKey: `${starting}`, endingHashKey: `${ending}` },
    ...{ createdAtS: 1_700_000_000, closedAtS: 0, parent: -1, adjacentParent: -1, replicas: ["a"] },
    ...{ joining: "", leaving: "", left: [], placedVersion: 0, termMin: 0 },
  }));
  const stream = {
    ...{ streamId: 1, key: { ...CALLER, name }, status: "ACTIVE", mode: "PROVISIONED", shards },
    ...{ createdAtMs: 1_700_000_000_000, retentionHours: 24, maxRecordSizeKib: 1_024, tags: {}, consumers: [] },
    ...{ encryptionKeyId: "", shardLevelMetrics: [], policy: "", recordDistribution: "", warmThroughputMibps: 0 },
    ...{ reshard: null, faults: null },
  } as unknown as Stream;
  return { ...stream, ...change };
}

/** A gateway whose clock is set by hand. Whatever it would ask others for fails with "nobody is asked". */
export class Served {
  nowMs = 1_800_000_000_000;
  readonly #gateway: Gateway;

  constructor(streams: readonly Stream[], { quotas }: { readonly quotas: "aws" | "off" }) {
    const { clock, random, disk } = realWorld();
    const world: World = { random, disk, clock: { ...clock, nowMs: () => this.nowMs } };
    const metadata = new ClusterMetadata({ clock: world.clock });
    const cluster = {
      clusterId: "c",
      tokenKey: Buffer.alloc(32),
      settings: { quotas, replicationFactor: 1, replaceBrokerAfterS: 0 },
    };
    const nothing = { removedStreamIds: [], brokers: [], brokersChanged: true };
    const update = { version: 1, full: true, streams, cluster, ...nothing };
    metadata.apply(update as unknown as MetadataUpdate__Output);
    const absent = (): never => {
      throw new Error("nobody is asked");
    };
    this.#gateway = new Gateway({
      ...{ world, logger: silentLogger, metadata, metrics: gatewayMetrics(new Registry()) },
      controllers: { execute: absent } as unknown as ControllerConnection,
      router: { read: absent } as unknown as ShardRouter,
    });
  }

  async call(operation: string, input: object, encoding: Encoding = "json"): Promise<Record<string, unknown>> {
    const request = { ...CALLER, invocationId: undefined, headers: {}, requestId: "r" };
    const { signal } = new AbortController();
    const body = Buffer.from(JSON.stringify(input));
    const answer = await this.#gateway.handle({ ...request, operation, encoding, signal, body } as never);
    return JSON.parse((answer as { body: Buffer }).body.toString()) as Record<string, unknown>;
  }
}
