import {
  type Broker,
  type BrokerHeartbeat,
  type MetadataUpdate__Output,
  type Stream,
  uniformHashKeyRanges,
} from "@millrace/proto";

export interface ClusterSize {
  readonly brokers: number;
  readonly shards: number;
  readonly shardsPerStream: number;
}

const ZONES = ["az-a", "az-b", "az-c"] as const;
const CREATED_AT_S = 1_767_225_600;
const GIB = 2 ** 30;

/** The metadata of such a cluster when nothing is being changed, replicas spread evenly. */
export function updateOf({ brokers, shards, shardsPerStream }: ClusterSize, version: number): MetadataUpdate__Output {
  const streams = Array.from({ length: shards / shardsPerStream }, (_, index) =>
    streamOf(index, shardsPerStream, brokers),
  );
  return {
    version,
    full: true,
    streams,
    removedStreamIds: [],
    brokers: Array.from({ length: brokers }, (_, index) => brokerOf(index)),
    brokersChanged: true,
    cluster: null,
  };
}

/** A broker's, that leads its share of the shards, with nothing to complain of. */
export function heartbeatOf({ brokers, shards }: ClusterSize): BrokerHeartbeat {
  const ledGroups = Array.from({ length: shards / brokers }, (_, index) => ({
    groupId: index * brokers + 1,
    term: 12,
    laggingNodes: [],
  }));
  return {
    nodeId: nodeIdOf(0),
    ledGroups,
    metadataVersion: 1_234_567,
    hostedGroups: (3 * shards) / brokers,
    freeBytes: 512 * GIB,
    nowMs: CREATED_AT_S * 1_000,
  };
}

function streamOf(index: number, shardCount: number, brokers: number): Stream {
  const ranges = uniformHashKeyRanges(shardCount);
  return {
    streamId: index + 1,
    key: { accountId: "000000000000", region: "us-east-1", name: `orders-of-region-${index}` },
    status: "ACTIVE",
    mode: "PROVISIONED",
    createdAtMs: CREATED_AT_S * 1_000,
    retentionHours: 24,
    maxRecordSizeKib: 1_024,
    tags: { team: "orders" },
    shards: ranges.map(({ starting, ending }, number) => {
      const groupId = index * shardCount + number + 1;
      return {
        number,
        groupId,
        startingHashKey: starting.toString(),
        endingHashKey: ending.toString(),
        createdAtS: CREATED_AT_S,
        closedAtS: 0,
        parent: -1,
        adjacentParent: -1,
        replicas: ZONES.map((_, zone) => nodeIdOf((3 * groupId + zone) % brokers)),
        joining: "",
        leaving: "",
        left: [],
        placedVersion: 1_234,
        termMin: 0,
        joinId: 0,
        forgotten: [],
      };
    }),
    encryptionKeyId: "",
    shardLevelMetrics: [],
    consumers: [],
    policy: "",
    recordDistribution: "",
    warmThroughputMibps: 0,
    reshard: null,
    faults: null,
  };
}

function brokerOf(index: number): Broker {
  return {
    nodeId: nodeIdOf(index),
    brokerId: `broker-${index}`,
    incarnation: 1,
    az: ZONES[index % ZONES.length] as string,
    address: `broker-${index}.millrace.svc.cluster.local:7000`,
    state: "UP",
    processId: 1_234_567,
  };
}

function nodeIdOf(index: number): string {
  return `broker-${index}/1`;
}
