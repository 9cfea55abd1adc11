import { ClusterMetadata, type ControllerConnection, type ShardRouter } from "@millrace/client";
import { type MetadataUpdate__Output, type Stream, uniformHashKeyRanges } from "@millrace/proto";
import { realWorld, silentLogger, type World } from "@millrace/util";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import type { AwsError } from "./errors.ts";
import { Gateway } from "./gateway.ts";
import { gatewayMetrics } from "./metrics.ts";
import type { Encoding } from "./protocol/wire-value.ts";

const MINUTE_MS = 60_000;
const key = { accountId: "000000000000", region: "us-east-1", name: "s" };
const stream = {
  ...{ streamId: 1, key, status: "ACTIVE", mode: "PROVISIONED", createdAtMs: 1_700_000_000_000, retentionHours: 24 },
  ...{ maxRecordSizeKib: 1_024, tags: {}, encryptionKeyId: "", shardLevelMetrics: [], consumers: [], policy: "" },
  ...{ recordDistribution: "", warmThroughputMibps: 0, reshard: null, faults: null },
  shards: uniformHashKeyRanges(3).map(({ starting, ending }, number) => ({
    ...{ number, groupId: 16 + number, startingHashKey: `${starting}`, endingHashKey: `${ending}` },
    ...{
      createdAtS: 1_700_000_000,
      closedAtS: 0,
      parent: -1,
      adjacentParent: -1,
      replicas: ["a"],
      joining: "",
      leaving: "",
      left: [],
      placedVersion: 0,
      termMin: 0,
    },
  })),
} as unknown as Stream;

/** A gateway whose clock is set by hand. It needs neither controllers nor brokers for what is asked here. */
class Served {
  nowMs = 1_800_000_000_000;
  readonly #gateway: Gateway;

  constructor() {
    const { clock, random, disk } = realWorld();
    const world: World = { random, disk, clock: { ...clock, nowMs: () => this.nowMs } };
    const metadata = new ClusterMetadata({ clock: world.clock });
    const cluster = {
      clusterId: "c",
      tokenKey: Buffer.alloc(32),
      settings: { quotas: "off", replicationFactor: 1, replaceBrokerAfterS: 0 },
    };
    const nothing = { removedStreamIds: [], brokers: [], brokersChanged: true };
    const update = { version: 1, full: true, streams: [stream], cluster, ...nothing };
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

  async call(operation: string, input: object, encoding: Encoding = "json"): Promise<Record<string, string>> {
    const request = {
      accountId: key.accountId,
      region: key.region,
      invocationId: undefined,
      headers: {},
      requestId: "r",
    };
    const { signal } = new AbortController();
    const body = Buffer.from(JSON.stringify(input));
    const answer = await this.#gateway.handle({ ...request, operation, encoding, signal, body } as never);
    return JSON.parse((answer as { body: Buffer }).body.toString()) as Record<string, string>;
  }
}

test("I05: an iterator lives for five minutes, and then the error names both times and the delay", async () => {
  const served = new Served();
  const start = { StreamName: "s", ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await served.call("GetShardIterator", start);
  const use = () => served.call("GetRecords", { ShardIterator }).catch((error: unknown) => error as AwsError);
  served.nowMs += 5 * MINUTE_MS;
  expect(await use()).toMatchObject({ message: "nobody is asked" });
  served.nowMs += 1;
  expect(await use()).toMatchObject({
    awsName: "ExpiredIteratorException",
    message: expect.stringMatching(
      /^Iterator expired\. The iterator was created at time .+ while right now it is .+ which is further in the future than the tolerated delay of 300000 milliseconds\.$/,
    ) as string,
  });
});

test("W11: a page token lives for five minutes", async () => {
  const served = new Served();
  const { NextToken } = await served.call("ListShards", { StreamName: "s", MaxResults: 2 });
  served.nowMs += 5 * MINUTE_MS;
  expect(await served.call("ListShards", { NextToken })).toMatchObject({
    Shards: [{ ShardId: "shardId-000000000002" }],
  });
  served.nowMs += 1;
  await expect(served.call("ListShards", { NextToken })).rejects.toMatchObject({
    awsName: "ExpiredNextTokenException",
  });
});
