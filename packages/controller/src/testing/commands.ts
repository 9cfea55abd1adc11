import type { Command__Output, StreamKey } from "@millrace/proto";
import { decide } from "../decisions/decide.ts";
import { ClusterState } from "../state/cluster-state.ts";

type Kind = NonNullable<Command__Output["kind"]>;

let nextId = 0;

/** Of a stream that is made. */
export const DEFAULTS = { maxRecordSizeKib: 0, warmThroughputMibps: 0, recordDistribution: "" };

/** What a disk says that has been given no name yet. */
export const UNNAMED = { clusterId: "", incarnation: 0 };

/** A command as it comes off the wire. Each has an id of its own. */
export function command<K extends Kind>(kind: K, input: NonNullable<Command__Output[K]>): Command__Output {
  return { commandId: `c${nextId++}`, kind, [kind]: input };
}

export function key(name: string): StreamKey {
  return { accountId: "000000000000", region: "us-east-1", name };
}

export function create(name: string, shardCount: number, of: Partial<StreamKey> = {}): Command__Output {
  return command("createStream", {
    key: { ...key(name), ...of },
    shardCount,
    mode: "PROVISIONED",
    tags: {},
    ...DEFAULTS,
  });
}

export function register(brokerId: string, az: string, diskId = `disk of ${brokerId}`): Command__Output {
  return command("registerBroker", { brokerId, az, address: `${brokerId}:1`, diskId, processId: 1, ...UNNAMED });
}

export function remove(name: string): Command__Output {
  return command("deleteStream", { key: key(name), enforceConsumerDeletion: true });
}

/** Towards `target` shards of equal size. */
export function scale(name: string, target: number): Command__Output {
  return command("beginReshard", { key: key(name), kind: "targetShardCount", targetShardCount: target });
}

/** `broker-az-a-0/1` and so on. */
export function nodeId(az: string, index = 0): string {
  return `broker-${az}-${index}/1`;
}

export const ZONES = ["az-a", "az-b", "az-c"];

/** An initialised cluster of three zones. */
export function cluster(brokersPerZone = 1, quotas = "aws", replicationFactor = 0): ClusterState {
  const state = new ClusterState();
  const settings = { quotas, replicationFactor, replaceBrokerAfterS: 0 };
  decide(state, command("initializeCluster", { clusterId: "x", tokenKey: Buffer.alloc(32), settings }), 0);
  for (const az of ZONES) {
    for (let i = 0; i < brokersPerZone; i++) decide(state, register(`broker-${az}-${i}`, az), 0);
  }
  return state;
}
