import { RaftCore } from "../core.ts";
import type {
  ConfigEntry,
  Entry,
  HardState,
  Membership,
  NodeId,
  OutgoingMessage,
  Ready,
  TermRun,
  WireMessage,
} from "../types.ts";

/** A disk that survives crashes: what was synced. */
interface Durable {
  hardState: HardState;
  truncatedIndex: number;
  truncatedTerm: number;
  membership: Membership;
  entries: Entry[];
  readonly forgets: boolean;
  readonly joinId: number;
}

export interface TestNode {
  readonly id: NodeId;
  core: RaftCore;
  durable: Durable;
  /** The log as of now, synced or not. */
  entries: Entry[];
  truncatedIndex: number;
  unsynced: Ready[];
  applied: string[];
  appliedIndex: number;
  isUp: boolean;
  reads: { requestId: number; readIndex: number }[];
}

/** Raft nodes on a made-up network and disks. Every step checks Raft's promises. */
export class TestCluster {
  readonly nodes = new Map<NodeId, TestNode>();
  readonly inFlight: WireMessage[] = [];
  readonly #random: (exclusiveMax: number) => number;
  readonly #leaders = new Map<number, NodeId>();
  /** What was committed anywhere, by index: term and payload. */
  readonly committed: string[] = [];
  /** The term in which each was first known to be committed. */
  readonly #committedInTerm: number[] = [];
  readonly #cut = new Set<string>();
  readonly electionTicks: number;

  constructor(ids: readonly NodeId[], random: (exclusiveMax: number) => number, voters = ids, electionTicks = 10) {
    this.#random = random;
    this.electionTicks = electionTicks;
    const membership = { voters, votersOutgoing: [], learners: [] };
    for (const id of ids) this.addNode(id, membership);
  }

  addNode(id: NodeId, membership: Membership, forgets = false, joinId = 0): void {
    const durable: Durable = {
      hardState: { term: 0, votedFor: undefined, commitIndex: 0 },
      truncatedIndex: 0,
      truncatedTerm: 0,
      membership,
      entries: [],
      forgets,
      joinId,
    };
    this.nodes.set(id, this.#boot(id, durable));
  }

  #boot(id: NodeId, durable: Durable): TestNode {
    const { truncatedIndex, truncatedTerm, entries, hardState, membership, forgets, joinId } = durable;
    const configEntries: ConfigEntry[] = entries.filter((entry) => entry.type === "config");
    const core = new RaftCore({
      id,
      membership,
      configEntries,
      hardState,
      forgets,
      joinId,
      log: { truncatedIndex, truncatedTerm, lastIndex: truncatedIndex + entries.length, termRuns: termRuns(entries) },
      electionTicks: this.electionTicks,
      heartbeatTicks: 1,
      inFlightAppendsMax: 4,
      entriesPerAppendMax: 3,
      randomTicks: this.#random,
    });
    return {
      id,
      core,
      durable,
      entries: [...entries],
      truncatedIndex,
      unsynced: [],
      applied: [],
      appliedIndex: truncatedIndex,
      isUp: true,
      reads: [],
    };
  }

  node(id: NodeId): TestNode {
    const found = this.nodes.get(id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  get leader(): TestNode | undefined {
    const leaders = [...this.nodes.values()].filter((node) => node.isUp && node.core.role === "leader");
    return leaders.toSorted((a, b) => b.core.term - a.core.term)[0];
  }

  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(`${a}>${b}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.nodes.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Takes everything that the core wants done, except that the disk may take its time. */
  pump(node: TestNode, sync = true): void {
    while (node.isUp && node.core.hasReady) {
      const ready = node.core.ready();
      this.#write(node, ready);
      for (const message of ready.messages) this.#send(node, message);
      node.unsynced.push(ready);
      node.reads.push(...ready.readStates);
      this.#apply(node, ready.commitIndex);
      if (sync) this.sync(node);
    }
    this.#checkLeader(node);
  }

  /** The disk confirms everything that waits. */
  sync(node: TestNode): void {
    while (node.unsynced.length > 0) {
      const ready = node.unsynced.shift() as Ready;
      this.#persist(node, ready);
      for (const message of ready.messagesAfterSync) this.#send(node, message);
      node.core.synced(ready);
    }
  }

  crash(id: NodeId): void {
    this.node(id).isUp = false;
    this.node(id).unsynced = [];
  }

  restart(id: NodeId): void {
    const { durable } = this.node(id);
    const node = this.#boot(id, durable);
    this.nodes.set(id, node);
    this.pump(node);
  }

  tick(id: NodeId): void {
    const node = this.node(id);
    if (!node.isUp) return;
    node.core.tick();
    this.pump(node);
  }

  deliver(message: WireMessage, sync = true): void {
    const node = this.node(message.to);
    if (!node.isUp || this.#cut.has(`${message.from}>${message.to}`)) return;
    node.core.step(message);
    this.pump(node, sync);
  }

  /** So many messages, in order. */
  deliverSome(count: number): void {
    for (let left = count; left > 0 && this.inFlight.length > 0; left--)
      this.deliver(this.inFlight.shift() as WireMessage);
  }

  /** Delivers in order until nothing is on its way. */
  settle(stepsMax = 5_000): void {
    for (const node of this.nodes.values()) this.pump(node);
    for (let step = 0; this.inFlight.length > 0; step++) {
      if (step > stepsMax) throw new Error("messages never end");
      this.deliver(this.inFlight.shift() as WireMessage);
    }
  }

  /** Ticks everybody and delivers, until the condition holds. */
  until(condition: () => boolean, ticksMax = 200): void {
    for (let tick = 0; !condition(); tick++) {
      if (tick > ticksMax) throw new Error(`not within ${ticksMax} ticks`);
      for (const id of this.nodes.keys()) this.tick(id);
      this.settle();
    }
  }

  propose(id: NodeId, text: string): number | undefined {
    const node = this.node(id);
    const range = node.core.propose([{ type: "data", payload: Buffer.from(text) }]);
    this.pump(node);
    return range?.lastIndex;
  }

  truncate(id: NodeId, index: number): void {
    const node = this.node(id);
    if (index > node.appliedIndex || index <= node.truncatedIndex) return;
    const membership = node.core.membershipAt(index);
    const { term } = node.entries[index - node.truncatedIndex - 1] as Entry;
    node.core.truncatePrefix(index);
    node.entries.splice(0, index - node.truncatedIndex);
    node.truncatedIndex = index;
    // As the journal does: in order with the writes, so what waits is synced first.
    this.sync(node);
    const { durable } = node;
    durable.entries.splice(0, index - durable.truncatedIndex);
    durable.truncatedIndex = index;
    durable.truncatedTerm = term;
    durable.membership = membership;
  }

  #write(node: TestNode, { snapshot, entries }: Ready): void {
    if (snapshot !== undefined) {
      node.entries = [];
      node.truncatedIndex = snapshot.index;
      if (node.appliedIndex < snapshot.index) node.appliedIndex = snapshot.index;
    }
    const first = entries[0];
    if (first === undefined) return;
    node.entries.length = first.index - node.truncatedIndex - 1;
    node.entries.push(...entries);
  }

  #persist({ durable }: TestNode, { snapshot, hardState, entries }: Ready): void {
    if (snapshot !== undefined) {
      durable.entries = [];
      durable.truncatedIndex = snapshot.index;
      durable.truncatedTerm = snapshot.indexTerm;
      durable.membership = snapshot.membership;
    }
    if (hardState !== undefined) durable.hardState = hardState;
    const first = entries[0];
    if (first === undefined) return;
    durable.entries.length = first.index - durable.truncatedIndex - 1;
    durable.entries.push(...entries);
  }

  #send(node: TestNode, message: OutgoingMessage): void {
    if (message.type !== "appendRange") {
      this.inFlight.push(message);
      return;
    }
    const { from, to, term, prevIndex, prevTerm, commitIndex, fromIndex, toIndex } = message;
    const entries = node.entries.slice(fromIndex - node.truncatedIndex - 1, toIndex - node.truncatedIndex);
    this.inFlight.push({ type: "append", from, to, term, prevIndex, prevTerm, commitIndex, entries });
  }

  #apply(node: TestNode, commitIndex: number): void {
    for (let index = node.appliedIndex + 1; index <= commitIndex; index++) {
      const entry = node.entries[index - node.truncatedIndex - 1];
      if (entry === undefined) throw new Error(`${node.id} lacks the committed entry ${index}`);
      const text = `${entry.term}:${entry.type}:${entry.payload.toString()}`;
      const known = this.committed[index];
      if (known !== undefined && known !== text) {
        throw new Error(`state-machine safety: ${node.id} has ${text} at ${index}, another had ${known}`);
      }
      this.committed[index] = text;
      this.#committedInTerm[index] ??= node.core.term;
      if (entry.type === "data") node.applied.push(entry.payload.toString());
      node.appliedIndex = index;
    }
  }

  #checkLeader(node: TestNode): void {
    if (!node.isUp || node.core.role !== "leader") return;
    const known = this.#leaders.get(node.core.term);
    if (known !== undefined && known !== node.id) {
      throw new Error(`election safety: ${known} and ${node.id} lead in term ${node.core.term}`);
    }
    if (known === node.id) return;
    this.#leaders.set(node.core.term, node.id);
    // Leader completeness: a new leader has everything that was committed in earlier terms.
    for (let index = node.truncatedIndex + 1; index < this.committed.length; index++) {
      const entry = node.entries[index - node.truncatedIndex - 1];
      const text = entry && `${entry.term}:${entry.type}:${entry.payload.toString()}`;
      const isEarlier = (this.#committedInTerm[index] ?? node.core.term) < node.core.term;
      if (isEarlier && text !== this.committed[index]) {
        throw new Error(`leader completeness: ${node.id} lacks ${this.committed[index]} at ${index}, has ${text}`);
      }
    }
  }

  /** Log matching: same index and term, same everything before. */
  checkLogs(): void {
    const nodes = [...this.nodes.values()];
    for (const [i, a] of nodes.entries()) {
      for (const b of nodes.slice(i + 1)) {
        const from = Math.max(a.truncatedIndex, b.truncatedIndex) + 1;
        const last = Math.min(a.truncatedIndex + a.entries.length, b.truncatedIndex + b.entries.length);
        let isMatching = false;
        for (let index = last; index >= from; index--) {
          const x = a.entries[index - a.truncatedIndex - 1] as Entry;
          const y = b.entries[index - b.truncatedIndex - 1] as Entry;
          if (x.term === y.term) isMatching = true;
          if (isMatching && (x.term !== y.term || !x.payload.equals(y.payload))) {
            throw new Error(`log matching: ${a.id} and ${b.id} differ at ${index}`);
          }
        }
      }
    }
  }
}

function termRuns(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const { index, term } of entries) if (runs.at(-1)?.term !== term) runs.push({ fromIndex: index, term });
  return runs;
}

/** A small generator with a good period: the tests' only randomness. */
export function seededRandom(seed: number): (exclusiveMax: number) => number {
  let state = seed | 0 || 1;
  return (exclusiveMax) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % exclusiveMax;
  };
}
