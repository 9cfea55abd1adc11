import type { Shard } from "@millrace/proto";
import { isGivenUp } from "../decisions/move-replica.ts";
import { newestIncarnations } from "../decisions/placement.ts";
import type { Liveness } from "../liveness.ts";
import { type BrokerRecord, type ClusterState, shardsOf } from "../state/cluster-state.ts";
import { type ReplicaSurvey, surveyOf } from "../state/replica-survey.ts";
import type { Reconciler, Wish } from "./reconciler.ts";

/** Of one cluster, at a time: moves copy whole logs. */
const MOVES_MAX = 8;
/** Into one broker, or out of one. */
const MOVES_PER_BROKER_MAX = 4;
/** Between brokers of a zone nothing moves for less. */
const IMBALANCE_MIN = 2;

/**
 * Replicas leave brokers that are lost, whose disk is another one now, or that drain, for the emptiest broker of their zone, or of
 * a zone that has no other replica of the shard; and then they even out. A shard without such a broker stays as it is.
 */
export const replicaMoves: Reconciler = function* ({ state, liveness, nowMs }) {
  const view = new View(state, liveness, nowMs);
  yield* completions(view);
  if (view.isWell) return;
  const wishes = [...replacements(view)];
  yield* wishes;
  if (wishes.length === 0 && view.movesCount === 0) yield* evening(view);
};

/** Disks that are gone, of which nothing is left. */
export const brokerRemoval: Reconciler = function* ({ state }) {
  if (state.brokers.size === newestIncarnations(state).length) return;
  const newest = new Set(newestIncarnations(state).map(({ nodeId }) => nodeId));
  const used = new Set<string>();
  for (const stream of state.streams.values()) {
    for (const { replicas, joining } of shardsOf(stream)) for (const nodeId of [...replicas, joining]) used.add(nodeId);
  }
  for (const { nodeId } of state.brokers.values()) {
    if (newest.has(nodeId) || used.has(nodeId)) continue;
    yield { key: `forget ${nodeId}`, command: { kind: "removeBroker", removeBroker: { nodeId } } };
  }
};

interface Load {
  replicas: number;
  moves: number;
}

/** What moves are decided from. */
class View {
  readonly state: ClusterState;
  readonly liveness: Liveness;
  readonly nowMs: number;
  /** Of now, without what is wished for meanwhile. */
  readonly survey: ReplicaSurvey;
  /** Brokers that take replicas. */
  readonly takers: readonly BrokerRecord[];
  readonly #loads = new Map<string, Load>();
  readonly #lost: ReadonlySet<string>;
  movesCount: number;

  constructor(state: ClusterState, liveness: Liveness, nowMs: number) {
    this.state = state;
    this.liveness = liveness;
    this.nowMs = nowMs;
    this.survey = surveyOf(state);
    this.movesCount = this.survey.movesCount;
    const newest = newestIncarnations(state);
    this.takers = newest.filter((broker) => broker.state === "UP" && liveness.isAlive(broker.nodeId, nowMs));
    const kept = newest.filter((broker) => !this.#isLost(broker)).map(({ nodeId }) => nodeId);
    this.#lost = new Set([...state.brokers.keys()].filter((nodeId) => !kept.includes(nodeId)));
  }

  /** Nobody is lost, and nothing uneven: looked at ten times a second. */
  get isWell(): boolean {
    if (this.#lost.size > 0 || this.survey.unsettled.some(({ forgotten }) => forgotten.length > 0)) return false;
    return this.zones().every((brokers) => !isUneven(brokers.map(({ nodeId }) => this.load(nodeId).replicas)));
  }

  zones(): BrokerRecord[][] {
    const zones = new Map<string, BrokerRecord[]>();
    for (const broker of this.takers) zones.set(broker.az, [...(zones.get(broker.az) ?? []), broker]);
    return [...zones.values()];
  }

  isLost(nodeId: string): boolean {
    return this.#lost.has(nodeId) || !this.state.brokers.has(nodeId);
  }

  /** It answers, and gives its replicas up: what it has may still be needed. */
  isDraining(nodeId: string): boolean {
    return this.state.brokers.get(nodeId)?.state === "DRAINING" && this.liveness.isAlive(nodeId, this.nowMs);
  }

  #isLost({ nodeId, state }: BrokerRecord): boolean {
    if (state === "DRAINING") return true;
    return state === "DOWN" && this.liveness.silentMs(nodeId, this.nowMs) > this.state.replaceBrokerAfterMs;
  }

  load(nodeId: string): Load {
    let load = this.#loads.get(nodeId);
    if (load === undefined) {
      const { replicas, moves } = this.survey.loads.get(nodeId) ?? { replicas: 0, moves: 0 };
      this.#loads.set(nodeId, (load = { replicas, moves }));
    }
    return load;
  }

  /** The emptiest broker that may take this replica's place; its own zone first. */
  taker({ replicas, joining, left }: Shard, leaving: string): BrokerRecord | undefined {
    const zone = this.state.brokers.get(leaving)?.az;
    const taken = new Set(
      replicas.filter((nodeId) => nodeId !== leaving).map((nodeId) => this.state.brokers.get(nodeId)?.az),
    );
    return this.takers
      .filter(({ nodeId, az }) => ![...replicas, joining, ...left].includes(nodeId) && !taken.has(az))
      .filter(({ nodeId }) => this.load(nodeId).moves < MOVES_PER_BROKER_MAX)
      .toSorted(
        (a, b) =>
          Number(b.az === zone) - Number(a.az === zone) ||
          this.load(a.nodeId).replicas - this.load(b.nodeId).replicas ||
          (a.nodeId < b.nodeId ? -1 : 1),
      )[0];
  }

  wish({ groupId }: Shard, joining: string, leaving: string): Wish {
    this.movesCount++;
    const [to, from] = [this.load(joining), this.load(leaving)];
    to.moves++;
    to.replicas++;
    from.moves++;
    from.replicas--;
    const term = this.liveness.leaderOf(groupId, this.nowMs)?.term ?? 0;
    return { key: `move ${groupId}`, command: { kind: "beginMove", beginMove: { groupId, joining, leaving, term } } };
  }
}

function* completions({ state, survey, liveness, nowMs }: View): Generator<Wish> {
  for (const shard of survey.unsettled) {
    const { groupId, left, forgotten } = shard;
    for (const nodeId of [...left, ...forgotten]) {
      const isGone = !forgotten.includes(nodeId) && !state.brokers.has(nodeId);
      if (!isGone && !liveness.hasDropped(nodeId, shard)) continue;
      yield {
        key: `dropped ${groupId} ${nodeId}`,
        command: { kind: "replicaDropped", replicaDropped: { groupId, nodeId } },
      };
    }
  }
  if (survey.movesCount === 0) return;
  const moved = liveness.movedGroups(nowMs);
  for (const { groupId, joining, placedVersion } of survey.unsettled) {
    const report = moved.get(groupId);
    if (joining === "" || report === undefined || report.version < placedVersion) continue;
    const completeMove = { groupId, joining, term: report.term, placedVersion };
    yield { key: `moved ${groupId}`, command: { kind: "completeMove", completeMove } };
  }
}

/** Those whose shards have the fewest copies left come first. */
function* replacements(view: View): Generator<Wish> {
  const lostOf = ({ replicas, forgotten }: Shard): string[] =>
    replicas.filter((nodeId) => forgotten.includes(nodeId) || view.isLost(nodeId));
  const wanting = view.survey.shards
    .map((shard) => ({ shard, lost: lostOf(shard) }))
    .filter(({ shard, lost }) =>
      shard.joining === "" || isGivenUp(shard) ? lost.length > 0 : view.isLost(shard.joining),
    )
    .toSorted((a, b) => b.lost.length - a.lost.length);
  for (const { shard, lost } of wanting) {
    if (isGivenUp(shard)) {
      yield* resumption(view, shard, lost);
      continue;
    }
    const isRetry = shard.joining !== "";
    // Moves to who is lost meanwhile are among those that count: they must find their new goal.
    if (!isRetry && view.movesCount >= MOVES_MAX) continue;
    const leaving = isRetry ? shard.leaving : (lost[0] as string);
    // The leader may need its vote to go back. With nobody to go back to it goes on: the replica drains from there later.
    const isDraining = isRetry && view.isDraining(shard.joining);
    if (isDraining && view.isLost(leaving)) continue;
    const taker = isDraining ? undefined : view.taker(shard, leaving);
    if (taker !== undefined) yield view.wish(shard, taker.nodeId, leaving);
    else if (isRetry && !view.isLost(leaving)) {
      const { groupId, joining } = shard;
      yield { key: `stay ${groupId}`, command: { kind: "cancelMove", cancelMove: { groupId, joining } } };
    }
  }
}

/** The one that the leader was to go back to is lost meanwhile: who was to join, or another one, takes its place after all. */
function* resumption(view: View, shard: Shard, lost: readonly string[]): Generator<Wish> {
  const zoneOf = (nodeId: string): string | undefined => view.state.brokers.get(nodeId)?.az;
  const leaving = lost.find((nodeId) => zoneOf(nodeId) === zoneOf(shard.joining) && !view.isDraining(nodeId));
  if (leaving === undefined) return;
  const isThere = view.isDraining(shard.joining) || !view.isLost(shard.joining);
  const joining = isThere ? shard.joining : view.taker(shard, leaving)?.nodeId;
  if (joining !== undefined) yield view.wish(shard, joining, leaving);
}

/** From the fullest broker of a zone to its emptiest, one at a time. */
function* evening(view: View): Generator<Wish> {
  for (const brokers of view.zones()) {
    const sorted = brokers.toSorted((a, b) => view.load(a.nodeId).replicas - view.load(b.nodeId).replicas);
    const [emptiest, fullest] = [sorted[0], sorted.at(-1)];
    if (emptiest === undefined || fullest === undefined) continue;
    if (!isUneven([view.load(emptiest.nodeId).replicas, view.load(fullest.nodeId).replicas])) continue;
    const shard = view.survey.shards.find(
      ({ replicas, joining, left, forgotten }) =>
        joining === "" &&
        forgotten.length === 0 &&
        replicas.includes(fullest.nodeId) &&
        ![...replicas, ...left].includes(emptiest.nodeId),
    );
    if (shard !== undefined) yield view.wish(shard, emptiest.nodeId, fullest.nodeId);
  }
}

function isUneven(counts: readonly number[]): boolean {
  return counts.length > 1 && Math.max(...counts) - Math.min(...counts) >= IMBALANCE_MIN;
}
