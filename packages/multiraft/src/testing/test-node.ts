import { mkdirSync } from "node:fs";
import type { Entry, NodeId } from "@millrace/raft";
import { type LogStore, openLogStore } from "@millrace/storage";
import { MIB, realWorld, silentLogger } from "@millrace/util";
import { createRaftHost, type RaftHostStats } from "../host.ts";
import type { GroupHandle, PeerTransport, RaftHost, StateMachine } from "../types.ts";

/** Remembers what was applied; its state is the list. */
export class ListMachine implements StateMachine {
  applied: string[] = [];
  ledTerm = 0;
  lostCount = 0;

  apply(entries: readonly Entry[]): void {
    for (const { type, payload } of entries) if (type === "data") this.applied.push(payload.toString("latin1", 0, 24));
  }
  checkpoint(): Buffer {
    return Buffer.from(JSON.stringify(this.applied));
  }
  restore(state: Buffer): void {
    this.applied = state.length === 0 ? [] : (JSON.parse(state.toString()) as string[]);
  }
  leadershipGained(term: number): void {
    this.ledTerm = term;
  }
  leadershipLost(): void {
    this.ledTerm = 0;
    this.lostCount++;
  }
}

/** A host on a real disk. */
export class TestNode {
  readonly nodeId: NodeId;
  readonly host: RaftHost & { stats(): RaftHostStats };
  readonly store: LogStore;
  readonly machines = new Map<number, ListMachine>();
  readonly fatal: Error[];
  /** Its disk takes no data. */
  isFull = false;

  private constructor(nodeId: NodeId, store: LogStore, transport: PeerTransport) {
    this.nodeId = nodeId;
    this.store = store;
    this.fatal = [];
    const { clock, random } = realWorld();
    const onFatal = (error: Error): void => void this.fatal.push(error);
    const fillable = new Proxy(store, {
      get: (target, name) => {
        if (name === "canAppend") return () => !this.isFull && target.canAppend();
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const common = { nodeId, clock, random, logger: silentLogger, transport, onFatal };
    this.host = createRaftHost({ ...common, store: fillable, tickMs: 20 });
  }

  static async start(nodeId: NodeId, directory: string, transport: PeerTransport): Promise<TestNode> {
    mkdirSync(directory, { recursive: true });
    const store = await openLogStore(realWorld(), {
      directory,
      attributesOf: () => undefined,
      segmentSizeBytes: 64 * MIB,
      cacheSizeBytes: 4 * MIB,
      reservedFreeBytes: 0,
    });
    return new TestNode(nodeId, store, transport);
  }

  open(groupId: number, voters: readonly NodeId[], preferredLeader?: NodeId): GroupHandle {
    const stateMachine = new ListMachine();
    this.machines.set(groupId, stateMachine);
    return this.host.openGroup({
      groupId,
      membership: { voters, votersOutgoing: [], learners: [] },
      stateMachine,
      preferredLeader,
      checkpointEveryEntries: 50,
    });
  }

  applied(groupId: number): readonly string[] {
    return this.machines.get(groupId)?.applied ?? [];
  }

  async stop(): Promise<void> {
    await this.host.close();
    await this.store.close();
  }
}

export async function eventually(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
