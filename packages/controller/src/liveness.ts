import type { Shard } from "@millrace/proto";
import type { BrokerHeartbeat__Output } from "./protocol.ts";
import { ShardLoads } from "./shard-loads.ts";
import type { ClusterState } from "./state/cluster-state.ts";
import { surveyOf } from "./state/replica-survey.ts";

/** Silence after which a broker counts as down. */
export const BROKER_DOWN_AFTER_MS = 2_000;
/** Clocks that are kept right by anything at all differ by less. */
const CLOCKS_AGREE_WITHIN_MS = 5_000;

interface Heard {
  atMs: number;
  readonly heartbeat: BrokerHeartbeat__Output;
  readonly deletedGroups: ReadonlySet<number>;
}

interface Leader {
  readonly nodeId: string;
  readonly term: number;
  readonly laggingNodes: readonly string[];
}

/** What brokers say of themselves twice a second. Not replicated: a new leader hears it all within a second. */
export class Liveness {
  readonly #heard = new Map<string, Heard>();
  /** By group: everybody who said lately that it leads it. More than one does for a moment, when leaders change. */
  readonly #claims = new Map<number, Leader[]>();
  #sinceMs = 0;
  /** Of the shards of on-demand streams. */
  readonly loads = new ShardLoads();

  /** This controller leads from now on: brokers get time to find it. */
  begin(nowMs: number): void {
    this.#heard.clear();
    this.#claims.clear();
    this.loads.begin();
    this.#sinceMs = nowMs;
  }

  heartbeat(heartbeat: BrokerHeartbeat__Output, nowMs: number): void {
    this.#claim(heartbeat);
    this.#heard.set(heartbeat.nodeId, { atMs: nowMs, heartbeat, deletedGroups: new Set(heartbeat.deletedGroups) });
    this.loads.heard(heartbeat, nowMs);
  }

  /** This process stood still for so long and could hear nobody: that is no silence of theirs. */
  stoodStill(durationMs: number): void {
    this.#sinceMs += durationMs;
    for (const heard of this.#heard.values()) heard.atMs += durationMs;
  }

  isAlive(nodeId: string, nowMs: number): boolean {
    const lastMs = this.#heard.get(nodeId)?.atMs ?? this.#sinceMs;
    return nowMs - lastMs < BROKER_DOWN_AFTER_MS;
  }

  wasHeard(nodeId: string): boolean {
    return this.#heard.has(nodeId);
  }

  silentMs(nodeId: string, nowMs: number): number {
    return nowMs - (this.#heard.get(nodeId)?.atMs ?? this.#sinceMs);
  }

  /** What it said before it knew of the shard's latest move does not count. */
  hasDropped(nodeId: string, { groupId, placedVersion }: Shard): boolean {
    const heard = this.#heard.get(nodeId);
    return heard !== undefined && heard.heartbeat.metadataVersion >= placedVersion && heard.deletedGroups.has(groupId);
  }

  /** Their leaders say that nothing will follow in them. */
  closedGroups(nowMs: number): Set<number> {
    const closed = new Set<number>();
    for (const [nodeId, { heartbeat }] of this.#heard) {
      if (this.isAlive(nodeId, nowMs)) for (const groupId of heartbeat.closedGroups) closed.add(groupId);
    }
    return closed;
  }

  /**
   * Groups whose leaders say that the members are what was wished for, with the metadata version by which they say so (a leader
   * speaks of the wish that it knows, which may be an earlier one) and their terms.
   */
  movedGroups(nowMs: number): Map<number, { readonly version: number; readonly term: number }> {
    const moved = new Map<number, { readonly version: number; readonly term: number }>();
    for (const [nodeId, { heartbeat }] of this.#heard) {
      if (!this.isAlive(nodeId, nowMs)) continue;
      const { metadataVersion: version, movedGroups, ledGroups } = heartbeat;
      for (const groupId of movedGroups) {
        const term = ledGroups.find((led) => led.groupId === groupId)?.term ?? 0;
        if ((moved.get(groupId)?.version ?? -1) < version) moved.set(groupId, { version, term });
      }
    }
    return moved;
  }

  /**
   * The time as clocks that are right show it, of which there are more than of wrong ones among `brokers` (all there are, also those
   * that are down); 0 while it is not known. `nodeIds` are one of each: a broker whose disk was lost was heard a moment ago as the
   * one before as well, and is not two clocks. Two clocks that disagree, with a third not heard, say that one of them is wrong, and not
   * which: by a time that is too late records would be deleted at once, and with one that is too early stored as if they had expired.
   */
  clusterNowMs(nodeIds: readonly string[], brokers: number, nowMs: number): number {
    const clocks: number[] = [];
    for (const nodeId of nodeIds) {
      const heard = this.#heard.get(nodeId);
      if (heard === undefined || heard.heartbeat.nowMs <= 0 || !this.isAlive(nodeId, nowMs)) continue;
      clocks.push(heard.heartbeat.nowMs + Math.floor(nowMs - heard.atMs));
    }
    if (clocks.length * 2 <= brokers) return 0;
    clocks.sort((one, other) => one - other);
    const wrongMax = (brokers - 1) >> 1;
    if (clocks.length > 2 * wrongMax) return clocks[wrongMax] as number;
    const [first = 0] = clocks;
    const last = clocks.at(-1) ?? 0;
    return last - first <= CLOCKS_AGREE_WITHIN_MS ? first : 0;
  }

  problemsOf(nodeId: string): readonly string[] {
    return this.#heard.get(nodeId)?.heartbeat.problems ?? [];
  }

  ledBy(nodeId: string): number {
    return this.#heard.get(nodeId)?.heartbeat.ledGroups.length ?? 0;
  }

  /** In place of what the same broker claimed before. */
  #claim({ nodeId, ledGroups }: BrokerHeartbeat__Output): void {
    const others = (groupId: number): Leader[] =>
      (this.#claims.get(groupId) ?? []).filter((claim) => claim.nodeId !== nodeId);
    const led = new Set(ledGroups.map(({ groupId }) => groupId));
    for (const { groupId } of this.#heard.get(nodeId)?.heartbeat.ledGroups ?? []) {
      if (led.has(groupId)) continue;
      const left = others(groupId);
      if (left.length > 0) this.#claims.set(groupId, left);
      else this.#claims.delete(groupId);
    }
    for (const { groupId, term, laggingNodes } of ledGroups) {
      this.#claims.set(groupId, [...others(groupId), { nodeId, term, laggingNodes }]);
    }
  }

  /** Who leads the group, by the newest term that anybody alive claims. */
  leaderOf(groupId: number, nowMs: number): Leader | undefined {
    let leader: Leader | undefined;
    for (const claim of this.#claims.get(groupId) ?? []) {
      if (leader !== undefined && leader.term >= claim.term) continue;
      if (this.isAlive(claim.nodeId, nowMs)) leader = claim;
    }
    return leader;
  }

  /**
   * Replicas of this broker that lack committed entries, or that their leaders do not reach; those of its earlier disks that are not
   * filled yet; and those of which nobody alive says that it leads them: what is not known to have caught up has not.
   */
  laggingReplicasOf(nodeId: string, state: ClusterState, nowMs: number): number {
    const brokerId = state.brokers.get(nodeId)?.brokerId;
    if (brokerId === undefined) return 0;
    const { hosted } = surveyOf(state);
    const hostedBy = (each: string): readonly Shard[] => hosted.get(each) ?? [];
    const lagging = new Set<number>();
    for (const { nodeId: each, brokerId: itsId } of state.brokers.values()) {
      if (itsId !== brokerId || each === nodeId) continue;
      for (const { groupId } of hostedBy(each)) lagging.add(groupId);
    }
    for (const { groupId } of hostedBy(nodeId)) {
      const leader = this.leaderOf(groupId, nowMs);
      if (leader === undefined || leader.laggingNodes.includes(nodeId)) lagging.add(groupId);
    }
    return lagging.size;
  }

  /** Shards that lack a copy that keeps up, and shards without a leader. */
  shardHealth(state: ClusterState, nowMs: number): { underReplicated: number; leaderless: number } {
    let underReplicated = 0;
    let leaderless = 0;
    for (const { status, shards } of state.streams.values()) {
      if (status === "DELETING") continue;
      for (const { groupId, replicas, forgotten } of shards) {
        const leader = this.leaderOf(groupId, nowMs);
        if (leader === undefined) leaderless++;
        const isFull =
          leader !== undefined &&
          forgotten.length === 0 &&
          replicas.length >= state.replicationFactor &&
          replicas.every(
            (nodeId) =>
              this.isAlive(nodeId, nowMs) &&
              state.brokers.get(nodeId)?.state !== "DOWN" &&
              !leader.laggingNodes.includes(nodeId),
          );
        if (!isFull) underReplicated++;
      }
    }
    return { underReplicated, leaderless };
  }
}
