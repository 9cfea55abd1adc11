import type { StreamKey } from "@millrace/proto";
import type { ClusterState } from "../state/cluster-state.ts";
import { Refusal } from "./decision.ts";

/** Bounds of the whole metadata, quotas or not: it is held in memory, sent to every watcher and checkpointed as one. */
export const SHARDS_PER_STREAM_MAX = 10_000;
export const SHARDS_MAX = 100_000;
/** Kinesis's default for provisioned streams, of one account in one region. */
export const SHARDS_PER_REGION_MAX = 500;
export const STREAMS_CREATING_MAX = 5;
export const ON_DEMAND_STREAMS_MAX = 50;
export const TAGS_MAX = 50;
/** Consumer groups; Kinesis's limit of consumers with enhanced fan-out. */
export const GROUPS_PER_STREAM_MAX = 20;
export const LEASES_PER_GROUP_MAX = SHARDS_PER_STREAM_MAX;
/** Of all groups of all streams. */
export const LEASES_MAX = 50_000;
export const GROUP_NAME_CHARS_MAX = 128;
const TEXT_CHARS_MAX = 512;

export function hasQuotas(state: ClusterState): boolean {
  return state.cluster?.settings?.quotas !== "off";
}

/** Open shards of the account's provisioned streams in the region. */
export function openShardCount(state: ClusterState, { accountId, region }: StreamKey): number {
  let count = 0;
  for (const { mode, shards } of state.streamsOf(accountId, region)) {
    if (mode === "PROVISIONED") count += shards.filter((shard) => shard.closedAtS === 0).length;
  }
  return count;
}

/** The account's own limit, for provisioned streams. @throws Refusal SHARD_LIMIT_EXCEEDED */
export function checkShardQuota(state: ClusterState, key: StreamKey, additional: number): void {
  if (!hasQuotas(state)) return;
  checkCount(openShardCount(state, key), additional, SHARDS_PER_REGION_MAX);
}

/** @throws Refusal SHARD_LIMIT_EXCEEDED when a stream would have so many open ones */
export function checkShardsOfStream(current: number, additional: number): void {
  checkCount(current, additional, SHARDS_PER_STREAM_MAX);
}

/** Room in the metadata. Closed shards count: they are there as well. @throws Refusal SHARD_LIMIT_EXCEEDED */
export function checkShardRoom(state: ClusterState, additional: number): void {
  checkCount(state.shardCount, additional, SHARDS_MAX);
}

function checkCount(current: number, additional: number, limit: number): void {
  if (current + additional <= limit) return;
  throw new Refusal("SHARD_LIMIT_EXCEEDED", `${current} shards exist, ${limit} are allowed`, {
    current: String(current),
    limit: String(limit),
    additional: String(additional),
  });
}

/** @throws Refusal BAD_COMMAND */
export function checkTexts(texts: Readonly<Record<string, string>>): void {
  for (const [what, text] of Object.entries(texts)) {
    if (text !== "" && text.length <= TEXT_CHARS_MAX) continue;
    throw new Refusal("BAD_COMMAND", `${what} has 1-${TEXT_CHARS_MAX} characters`);
  }
}

/** Of a consumer group, or of one of its workers. @throws Refusal BAD_COMMAND */
export function checkGroupName(what: string, name: string): void {
  if (name !== "" && name.length <= GROUP_NAME_CHARS_MAX) return;
  throw new Refusal("BAD_COMMAND", `a ${what}'s name has 1-${GROUP_NAME_CHARS_MAX} characters`);
}

/** @throws Refusal GROUP_LIMIT_EXCEEDED */
export function checkGroupRoom(current: number): void {
  if (current < GROUPS_PER_STREAM_MAX) return;
  throw new Refusal("GROUP_LIMIT_EXCEEDED", `a stream has at most ${GROUPS_PER_STREAM_MAX} consumer groups`);
}

/** @throws Refusal LEASE_LIMIT_EXCEEDED */
export function checkLeaseRoom(count: { ofGroup: number; ofAll: number; additional: number }): void {
  const { ofGroup, ofAll, additional } = count;
  if (additional === 0) return;
  if (ofGroup + additional <= LEASES_PER_GROUP_MAX && ofAll + additional <= LEASES_MAX) return;
  const limits = `${LEASES_PER_GROUP_MAX} leases, all groups together ${LEASES_MAX}`;
  throw new Refusal("LEASE_LIMIT_EXCEEDED", `a group has at most ${limits}`);
}

/** Texts that are joined by slashes elsewhere. @throws Refusal BAD_COMMAND */
export function checkNames(names: Readonly<Record<string, string>>): void {
  checkTexts(names);
  for (const [what, name] of Object.entries(names)) {
    if (name.includes("/")) throw new Refusal("BAD_COMMAND", `${what} has no slash`);
  }
}

/** @throws Refusal BAD_COMMAND */
export function checkedKey(key: StreamKey | null): StreamKey {
  if (key === null) throw new Refusal("BAD_COMMAND", "a stream needs a key");
  checkNames({ "account id": key.accountId, region: key.region, name: key.name });
  return key;
}
