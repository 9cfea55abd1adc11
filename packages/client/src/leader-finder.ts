import { encodeReadRequest, RequestKind, ShardLogStatus } from "@millrace/proto";
import type { Clock, Random, Timer } from "@millrace/util";
import type { BrokerConnections } from "./broker-connections.ts";
import type { ClusterMetadata } from "./metadata.ts";

export interface LeaderFinderOptions {
  readonly metadata: ClusterMetadata;
  readonly connections: BrokerConnections;
  readonly clock: Clock;
  readonly random: Random;
}

/** Between two rounds of questions, with jitter; a shard that is leaderless for long is asked after less often. */
const ROUND_MIN_MS = 10;
const ROUND_MAX_MS = 50;
const LONG_AFTER_MS = 3_000;
const LONG_ROUND_MAX_MS = 250;
const PROBE_TIMEOUT_MS = 1_000;
/** Longer than an election takes: until then a silent broker is believed to lead only if another one says so too. */
const AVOID_SILENT_MS = 1_500;
/** A search that nobody has waited for in so long tells nothing about now. */
const OLD_AFTER_MS = 5_000;

/**
 * Who leads each group, as far as this process knows. Where nobody is known, one search a group asks its replicas with the
 * smallest of reads, whatever number of calls wait for it: their batches are not sent about until somebody says it leads.
 */
export class LeaderFinder {
  readonly #options: LeaderFinderOptions;
  readonly #leaders = new Map<number, string>();
  readonly #searches = new Map<number, Search>();
  #closed = false;

  constructor(options: LeaderFinderOptions) {
    this.#options = options;
  }

  leaderOf(groupId: number): string | undefined {
    return this.#leaders.get(groupId);
  }

  /** Somebody knows: an answer that only a leader gives, or the word of another replica. */
  found(groupId: number, nodeId: string): void {
    if (this.#leaders.get(groupId) === nodeId) return;
    this.#leaders.set(groupId, nodeId);
    const search = this.#searches.get(groupId);
    this.#searches.delete(groupId);
    search?.end();
  }

  /** It does not lead, or cannot be reached. Whoever else is believed to lead meanwhile stays so. */
  lost(groupId: number, nodeId: string): void {
    if (this.#leaders.get(groupId) === nodeId) this.#leaders.delete(groupId);
  }

  nodeLost(nodeId: string): void {
    for (const [groupId, leaderId] of this.#leaders) if (leaderId === nodeId) this.#leaders.delete(groupId);
  }

  /** How long a search for the group's leader has been going on. */
  leaderlessForMs(groupId: number): number {
    const search = this.#searches.get(groupId);
    return search === undefined ? 0 : search.leaderlessForMs(this.#options.clock.monotonicMs());
  }

  /**
   * Resolves when a leader is known, at `untilMs` (monotonic), or soon after the abort. With `untilMs` in the past it only
   * sees to it that somebody asks.
   */
  find(groupId: number, untilMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed || this.#leaders.has(groupId)) return DONE;
    let search = this.#searches.get(groupId);
    if (search === undefined) {
      search = new Search(groupId, this.#options, (nodeId) => this.found(groupId, nodeId));
      this.#searches.set(groupId, search);
    }
    return search.wait(untilMs, signal);
  }

  forgetDeletedGroups(): void {
    const { metadata } = this.#options;
    if (this.#leaders.size + this.#searches.size <= metadata.groupCount) return;
    for (const groupId of [...this.#leaders.keys(), ...this.#searches.keys()]) {
      if (metadata.shardByGroup(groupId) !== undefined) continue;
      this.#leaders.delete(groupId);
      this.#searches.get(groupId)?.end();
      this.#searches.delete(groupId);
    }
  }

  close(): void {
    this.#closed = true;
    for (const search of this.#searches.values()) search.end();
    this.#searches.clear();
  }
}

const DONE = Promise.resolve();

interface Waiter {
  readonly untilMs: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
}

/** Lives on between those who wait, so that it is known how long a group has had no leader. Without them it asks nobody. */
class Search {
  readonly #groupId: number;
  readonly #options: LeaderFinderOptions;
  readonly #found: (nodeId: string) => void;
  readonly #probe: readonly Uint8Array[];
  readonly #waiters = new Set<Waiter>();
  /** Nodes that owe an answer. */
  readonly #asked = new Set<string>();
  /** Nodes that others named in this round and the last, replicas or not: our metadata may be old. They are asked, not believed. */
  #named = new Set<string>();
  #namedBefore = new Set<string>();
  #startedAtMs: number;
  #rounds = 0;
  #lastRoundAtMs = -Infinity;
  #timer: Timer | undefined;
  #ended = false;

  constructor(groupId: number, options: LeaderFinderOptions, found: (nodeId: string) => void) {
    this.#startedAtMs = options.clock.monotonicMs();
    this.#groupId = groupId;
    this.#options = options;
    this.#found = found;
    // Behind all records: the leader answers with an empty page, any other replica with who leads.
    const fromOffset = Number.MAX_SAFE_INTEGER;
    this.#probe = [encodeReadRequest({ groupId, fromOffset, bytesMax: 0, quotas: false, anyReplica: false })];
  }

  leaderlessForMs(nowMs: number): number {
    return this.#isOld(nowMs) ? 0 : nowMs - this.#startedAtMs;
  }

  wait(untilMs: number, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#isOld(nowMs)) {
      this.#startedAtMs = nowMs;
      this.#rounds = 0;
    }
    if (this.#timer === undefined && nowMs - this.#lastRoundAtMs >= ROUND_MIN_MS) this.#round(nowMs);
    if (this.#ended || untilMs <= nowMs) return DONE;
    return new Promise((resolve) => {
      this.#waiters.add({ untilMs, signal, resolve });
      this.#scheduleRound(nowMs);
    });
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  #isOld(nowMs: number): boolean {
    return this.#rounds > 0 && this.#waiters.size === 0 && nowMs - this.#lastRoundAtMs > OLD_AFTER_MS;
  }

  #scheduleRound(nowMs: number): void {
    if (this.#timer !== undefined || this.#ended || this.#waiters.size === 0) return;
    const { clock, random } = this.#options;
    const isLong = nowMs - this.#startedAtMs > LONG_AFTER_MS;
    const maxMs = isLong ? LONG_ROUND_MAX_MS : Math.min(ROUND_MAX_MS, ROUND_MIN_MS * 2 ** Math.min(this.#rounds, 10));
    this.#timer = clock.setTimer(random.between(ROUND_MIN_MS, maxMs), () => {
      this.#timer = undefined;
      const thenMs = clock.monotonicMs();
      for (const waiter of this.#waiters) {
        if (waiter.signal?.aborted !== true && thenMs < waiter.untilMs) continue;
        this.#waiters.delete(waiter);
        waiter.resolve();
      }
      if (this.#waiters.size > 0) this.#round(thenMs);
      this.#scheduleRound(thenMs);
    });
  }

  #round(nowMs: number): void {
    this.#rounds++;
    this.#lastRoundAtMs = nowMs;
    const { replicas = [], forgotten = [] } = this.#options.metadata.shardByGroup(this.#groupId)?.shard ?? {};
    // Who was given up may still believe that it leads, and so may those that it knows.
    const nodeIds = new Set([...replicas, ...this.#named].filter((nodeId) => !forgotten.includes(nodeId)));
    this.#namedBefore = this.#named;
    this.#named = new Set();
    for (const nodeId of nodeIds) this.#ask(nodeId, nowMs);
  }

  #ask(nodeId: string, nowMs: number): void {
    const connection = this.#options.connections.to(nodeId);
    if (connection?.mayConnect !== true || this.#asked.has(nodeId)) return;
    this.#asked.add(nodeId);
    const timeoutAtMs = nowMs + PROBE_TIMEOUT_MS;
    const request = { kind: RequestKind.read, body: this.#probe, timeoutAtMs, signal: undefined };
    void connection.read.request(request).then((outcome) => {
      this.#asked.delete(nodeId);
      if (this.#ended || outcome.type !== "answer") return;
      if (outcome.status === ShardLogStatus.notLeader) {
        const hint = outcome.body.toString();
        if (hint !== "" && this.#options.metadata.broker(hint) !== undefined) this.#named.add(hint);
      } else if (outcome.status === ShardLogStatus.ok) {
        const laterMs = this.#options.clock.monotonicMs();
        const isDoubtful = connection.isSilent(laterMs) && laterMs - this.#startedAtMs < AVOID_SILENT_MS;
        const isNamed = this.#named.has(nodeId) || this.#namedBefore.has(nodeId);
        if (isNamed || !isDoubtful) this.#found(nodeId);
      }
    });
  }
}
