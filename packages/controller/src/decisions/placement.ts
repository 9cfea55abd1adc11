import { type BrokerRecord, type ClusterState, shardsOf } from "../state/cluster-state.ts";
import { Refusal } from "./decision.ts";

interface Load {
  replicas: number;
  leaders: number;
}

/** `brokers`: those that are up; all of them when none is. */
interface Zone {
  readonly az: string;
  readonly brokers: readonly BrokerRecord[];
  readonly isUp: boolean;
}

/**
 * Chooses replicas for one shard after another: one broker in each of as many zones as there are copies, the emptiest first; the first of the list
 * is the preferred leader, so leaders even out too. A zone whose brokers are all down is used only while a majority of the copies is
 * in others.
 */
export class Placement {
  readonly #zones: readonly Zone[];
  readonly #loads = new Map<string, Load>();
  readonly #replicationFactor: number;

  /** @throws Refusal NOT_ENOUGH_ZONES */
  constructor(state: ClusterState) {
    this.#replicationFactor = state.replicationFactor;
    for (const { nodeId } of newestIncarnations(state)) this.#loads.set(nodeId, { replicas: 0, leaders: 0 });
    this.#zones = zonesOf(state);
    if (!hasEnough(this.#zones, this.#replicationFactor)) {
      throw new Refusal("NOT_ENOUGH_ZONES", whyNotEnough(state, this.#zones));
    }
    for (const stream of state.streams.values()) {
      for (const { replicas } of shardsOf(stream)) this.#count(replicas);
    }
  }

  #count(replicas: readonly string[]): void {
    for (const [position, nodeId] of replicas.entries()) {
      const load = this.#loads.get(nodeId);
      if (load === undefined) continue;
      load.replicas++;
      if (position === 0) load.leaders++;
    }
  }

  /** Node ids, the preferred leader first. */
  next(): string[] {
    const best = this.#zones.map((zone) => ({ isUp: zone.isUp, broker: this.#least(zone.brokers) }));
    // More zones than copies: the emptiest ones.
    const chosen = best
      .toSorted((a, b) => Number(b.isUp) - Number(a.isUp) || this.#compare(a.broker, b.broker))
      .slice(0, this.#replicationFactor);
    const leader = chosen
      .filter(({ isUp }) => isUp)
      .toSorted(
        (a, b) => this.#load(a.broker).leaders - this.#load(b.broker).leaders || compareIds(a.broker, b.broker),
      )[0];
    const ids = chosen.map(({ broker }) => broker.nodeId).toSorted();
    const leaderId = leader?.broker.nodeId ?? (ids[0] as string);
    const replicas = [leaderId, ...ids.filter((nodeId) => nodeId !== leaderId)];
    this.#count(replicas);
    return replicas;
  }

  #load(broker: BrokerRecord): Load {
    return this.#loads.get(broker.nodeId) ?? { replicas: 0, leaders: 0 };
  }

  #least(brokers: readonly BrokerRecord[]): BrokerRecord {
    return brokers.toSorted((a, b) => this.#compare(a, b))[0] as BrokerRecord;
  }

  #compare(a: BrokerRecord, b: BrokerRecord): number {
    return this.#load(a).replicas - this.#load(b).replicas || compareIds(a, b);
  }
}

/** Draining brokers take nothing new. */
function zonesOf(state: ClusterState): Zone[] {
  const byZone = new Map<string, BrokerRecord[]>();
  for (const broker of newestIncarnations(state)) {
    if (broker.state !== "DRAINING") byZone.set(broker.az, [...(byZone.get(broker.az) ?? []), broker]);
  }
  return [...byZone].map(([az, all]) => {
    const up = all.filter((broker) => broker.state === "UP");
    return { az, brokers: up.length > 0 ? up : all, isUp: up.length > 0 };
  });
}

function whyNotEnough(state: ClusterState, zones: readonly Zone[]): string {
  const brokers = newestIncarnations(state);
  const zonesUp = zones.filter((zone) => zone.isUp).length;
  const zonesKnown = new Set(brokers.map(({ az }) => az)).size;
  const numberOf = (what: BrokerRecord["state"]): number => brokers.filter(({ state: is }) => is === what).length;
  const others = [
    { count: numberOf("DRAINING"), are: "draining" },
    { count: numberOf("DOWN"), are: "down" },
  ].flatMap(({ count, are }) => (count === 0 ? [] : [`${count} ${are}`]));
  const why = others.length === 0 ? "" : ` (brokers: ${others.join(", ")})`;
  return `${zonesUp} of ${zonesKnown} zones have a broker that takes new shards; ${state.replicationFactor} zones are needed${why}`;
}

function hasEnough(zones: readonly Zone[], replicationFactor: number): boolean {
  const zonesUp = zones.filter((zone) => zone.isUp).length;
  return zones.length >= replicationFactor && zonesUp >= Math.floor(replicationFactor / 2) + 1;
}

/** Whether a new shard could be placed now. */
export function hasEnoughZones(state: ClusterState): boolean {
  return hasEnough(zonesOf(state), state.replicationFactor);
}

/** An older incarnation of a broker is a disk that is gone. */
export function newestIncarnations(state: ClusterState): BrokerRecord[] {
  const newest = new Map<string, BrokerRecord>();
  for (const broker of state.brokers.values()) {
    const known = newest.get(broker.brokerId);
    if (known === undefined || known.incarnation < broker.incarnation) newest.set(broker.brokerId, broker);
  }
  return [...newest.values()];
}

/** By node id, or for operators by the broker's own name. */
export function brokerOf(state: ClusterState, id: string): BrokerRecord | undefined {
  return state.brokers.get(id) ?? newestIncarnations(state).find(({ brokerId }) => brokerId === id);
}

function compareIds(a: BrokerRecord, b: BrokerRecord): number {
  return a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0;
}
