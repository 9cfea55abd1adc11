import {
  type Broker,
  type MetadataUpdate__Output,
  type Shard,
  type Stream,
  uniformHashKeyRanges,
} from "@millrace/proto";

export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";

export function streamOf(
  streamId: number,
  name: string,
  options: { shardCount?: number; firstGroupId?: number; replicas?: string[]; quotas?: boolean } = {},
): Stream {
  const { shardCount = 1, firstGroupId = streamId * 100, replicas = ["a", "b", "c"] } = options;
  return {
    streamId,
    key: { accountId: ACCOUNT_ID, region: REGION, name },
    status: "ACTIVE",
    mode: "PROVISIONED",
    createdAtMs: 1_700_000_000_000,
    retentionHours: 24,
    maxRecordSizeKib: 1_024,
    tags: {},
    encryptionKeyId: "",
    shardLevelMetrics: [],
    consumers: [],
    policy: "",
    recordDistribution: "",
    warmThroughputMibps: 0,
    reshard: null,
    faults: null,
    shards: uniformHashKeyRanges(shardCount).map(({ starting, ending }, number): Shard => ({
      number,
      groupId: firstGroupId + number,
      startingHashKey: starting.toString(),
      endingHashKey: ending.toString(),
      createdAtS: 1_700_000_000,
      closedAtS: 0,
      parent: -1,
      adjacentParent: -1,
      replicas,
      joining: "",
      leaving: "",
      left: [],
      placedVersion: 0,
      termMin: 0,
      joinId: 0,
      forgotten: [],
    })),
  };
}

export function brokerOf(nodeId: string, address: string): Broker {
  return { nodeId, brokerId: nodeId, incarnation: 1, az: `az-${nodeId}`, address, state: "UP", processId: 1 };
}

export function fullUpdate(version: number, streams: Stream[], brokers: Broker[]): MetadataUpdate__Output {
  return {
    version,
    full: true,
    streams,
    removedStreamIds: [],
    brokers,
    brokersChanged: true,
    cluster: {
      clusterId: "cluster-1",
      tokenKey: Buffer.alloc(32),
      settings: { quotas: "off", replicationFactor: 0, replaceBrokerAfterS: 0 },
      restoredGroupIdMax: 0,
    },
  };
}

export function deltaUpdate(version: number, changes: Partial<MetadataUpdate__Output>): MetadataUpdate__Output {
  return {
    version,
    full: false,
    streams: [],
    removedStreamIds: [],
    brokers: [],
    brokersChanged: false,
    cluster: null,
    ...changes,
  };
}
