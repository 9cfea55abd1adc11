import { createRaftHost, type GroupHandle, type GroupOptions, type RaftHostOptions } from "@millrace/multiraft";
import type { Entry } from "@millrace/raft";
import { crc32c } from "@node-rs/crc32";
import type { ClusterNode } from "../cluster/cluster.ts";
import type { Death, Machine, Process } from "../world/machine.ts";
import type { Owner, Scheduler } from "../world/scheduler.ts";
import { type KeptState, watchRestarts } from "./kept-state.ts";
import { type Votes, watchPromises } from "./promised-state.ts";
import { standBetween } from "./stand-between.ts";

interface AppliedEntry {
  readonly term: number;
  readonly crc: number;
  readonly by: string;
}

interface GroupHistory {
  /** Who led each term. */
  readonly leaders: Map<number, string>;
  /** What every replica must apply at an index. */
  readonly applied: Map<number, AppliedEntry>;
  readonly votes: Votes;
  /** The highest index that anybody applied. */
  appliedMax: number;
  /** The highest index that anybody applied first in each term: what a later term's leader must have. */
  readonly appliedBy: Map<number, number>;
  /** Its stream was deleted: replicas may come back empty, and promise nothing. */
  isDeleted: boolean;
}

interface WatchedGroup {
  readonly node: string;
  readonly handle: GroupHandle;
  readonly history: GroupHistory;
  term: number;
  commitIndex: number;
  isLeader: boolean;
}

/** A payload is found on the disks by this: ⟨number⟩ in brackets that nothing else writes. */
const MARK_START = Buffer.from("\u00abR", "latin1");
const MARK_END = 0x3b;

/**
 * Sees everything that happens, from outside of the code: Raft's invariants on every step, what each disk holds durably, and
 * what was applied. One replica that applies other than another is a violation at that moment.
 */
export class Observer {
  readonly violations: string[] = [];
  /** What happens seldom, by name: a run that never saw one of them has not tested it. */
  readonly rare = new Map<string, number>();
  readonly #scheduler: Scheduler;
  /** Whether this node is to have a replica of that shard, by the newest decision of the controllers. */
  isMember: (groupId: number, nodeId: string) => boolean = () => true;
  /** Whether the stream of this shard is gone. */
  isShardGone: (groupId: number) => boolean = () => false;
  readonly #groups = new Map<string, GroupHistory>();
  readonly #watched = new Map<Owner, WatchedGroup[]>();
  /** By node, under the name that it has as long as it has its disk. */
  readonly #kept = new Map<string, KeptState>();
  /** By record number: the machines that had it on the device. */
  readonly #copies = new Map<number, Set<Machine>>();
  /** Written by a process and not synced yet: by machine and path. */
  readonly #unsynced = new Map<Machine, Map<string, Set<number>>>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    scheduler.afterEvent = (owner) => this.#afterEvent(owner);
  }

  /** Leaders, one for each term of each group of these that had one. */
  leadersOf(cluster: "controllers" | "brokers"): number {
    let sum = 0;
    for (const [key, { leaders }] of this.#groups) if (key.startsWith(`${cluster}/`)) sum += leaders.size;
    return sum;
  }

  violation(text: string): void {
    this.violations.push(`${(this.#scheduler.nowMs / 1_000).toFixed(3)} s: ${text}`);
  }

  saw(event: string): void {
    this.rare.set(event, (this.rare.get(event) ?? 0) + 1);
  }

  // ---- raft

  /** Stands between a node and its Raft host. */
  watchHost(node: ClusterNode, process: Process, options: RaftHostOptions): ReturnType<typeof createRaftHost> {
    const cluster = node.role === "controller" ? "controllers" : "brokers";
    const kept: KeptState = this.#kept.get(options.nodeId) ?? new Map();
    this.#kept.set(options.nodeId, kept);
    const host = createRaftHost(
      watchPromises(
        watchRestarts(options, kept, (text) => this.violation(text)),
        {
          votesOf: (groupId) => {
            const { votes, isDeleted } = this.#history(`${cluster}/${groupId}`);
            // What a process still says in the turn in which it died reaches nobody.
            return isDeleted || !process.isAlive ? undefined : votes;
          },
          violation: (text) => this.violation(text),
        },
      ),
    );
    const watched: WatchedGroup[] = [];
    this.#watched.set(process, watched);
    const openGroup = (group: GroupOptions): GroupHandle => {
      const key = `${cluster}/${group.groupId}`;
      const history = this.#history(key);
      const { stateMachine } = group;
      const spied: GroupOptions["stateMachine"] = {
        apply: (entries) => {
          if (process.isAlive) {
            this.#applied(key, history, options.nodeId, handle.term, entries);
            this.#committed(key, entries, own);
          }
          stateMachine.apply(entries);
        },
        checkpoint: () => stateMachine.checkpoint(),
        restore: (state, index) => {
          // The first time it is the replica's own state, from its disk.
          if (isRestored) this.saw("snapshot installed");
          isRestored = true;
          stateMachine.restore(state, index);
        },
        leadershipGained: (term) => {
          if (process.isAlive) this.#leads(key, history, options.nodeId, term, handle);
          stateMachine.leadershipGained(term);
        },
        leadershipLost: () => {
          if (handle.lastIndex > handle.commitIndex) this.saw("leader deposed with uncommitted entries");
          stateMachine.leadershipLost();
        },
      };
      let isRestored = false;
      const handle = host.openGroup({ ...group, stateMachine: spied });
      const own = { node: options.nodeId, handle, history, term: 0, commitIndex: 0, isLeader: false };
      watched.push(own);
      return standBetween(handle, { readBarrier: (signal) => this.#read(key, own, signal) });
    };
    const deleteGroup = (groupId: number): Promise<void> => {
      const at = watched.findIndex(({ handle }) => handle.groupId === groupId);
      if (at !== -1) watched.splice(at, 1);
      if (this.isMember(groupId, options.nodeId)) {
        this.violation(`${options.nodeId} deletes group ${groupId}, which is alive`);
      }
      if (this.isShardGone(groupId)) this.#history(`${cluster}/${groupId}`).isDeleted = true;
      else this.saw("replica moved away");
      return host.deleteGroup(groupId);
    };
    return standBetween(host, { openGroup, deleteGroup });
  }

  died(machine: Machine, process: Process, _death: Death): void {
    this.#watched.delete(process);
    const unsynced = this.#unsynced.get(machine);
    if (unsynced !== undefined && unsynced.size > 0) this.saw("process died in the middle of a sync");
    this.#unsynced.delete(machine);
  }

  #history(key: string): GroupHistory {
    let history = this.#groups.get(key);
    if (history === undefined) {
      history = {
        leaders: new Map(),
        applied: new Map(),
        votes: new Map(),
        appliedMax: 0,
        appliedBy: new Map(),
        isDeleted: false,
      };
      this.#groups.set(key, history);
    }
    return history;
  }

  /** State-machine safety, and with it log matching of what is committed. */
  #applied(key: string, history: GroupHistory, node: string, byTerm: number, entries: readonly Entry[]): void {
    if (history.isDeleted) return;
    for (const { index, term, type, payload } of entries) {
      if (type === "config") this.saw("membership changed");
      const crc = crc32c(payload);
      const known = history.applied.get(index);
      if (known === undefined) {
        history.applied.set(index, { term, crc, by: node });
        history.appliedMax = Math.max(history.appliedMax, index);
        history.appliedBy.set(byTerm, index);
      } else if (known.term !== term || known.crc !== crc) {
        this.violation(
          `${key}: at ${index} ${node} applied an entry of term ${term}, and ${known.by} another of term ${known.term}`,
        );
      }
    }
  }

  /** The paper's 5.4.2: a leader counts copies of entries of its own term only; older ones are committed with them. */
  #committed(
    key: string,
    entries: readonly Entry[],
    { node, handle, term, commitIndex, isLeader }: WatchedGroup,
  ): void {
    const last = entries.at(-1);
    // As it was before this event: what is new was committed by this leader, in this term.
    if (last === undefined || !isLeader || handle.role !== "leader" || handle.term !== term) return;
    if (last.index !== handle.commitIndex || last.index <= commitIndex || last.term === term) return;
    this.violation(`${key}: ${node} leads term ${term} and committed up to ${last.index}, of term ${last.term}`);
  }

  /** What anybody had committed when a read began is applied where it is served. */
  async #read(key: string, { node, handle, history }: WatchedGroup, signal: AbortSignal): Promise<void> {
    const { appliedMax } = history;
    await handle.readBarrier(signal);
    if (history.isDeleted || handle.appliedIndex >= appliedMax) return;
    this.violation(
      `${key}: ${node} serves a read up to ${handle.appliedIndex}, and ${appliedMax} was committed before`,
    );
  }

  /** Election safety; leader completeness: whoever leads has applied, or can apply, all that anybody applied. */
  #leads(key: string, history: GroupHistory, node: string, term: number, handle: GroupHandle | undefined): void {
    if (history.isDeleted) return;
    const known = history.leaders.get(term);
    if (known !== undefined && known !== node) this.violation(`${key}: ${known} and ${node} both lead in term ${term}`);
    history.leaders.set(term, node);
    // What later leaders committed is none of its business: it may hear late that it was elected, or was stopped meanwhile.
    let committed = 0;
    for (const [earlier, index] of history.appliedBy) if (earlier < term) committed = Math.max(committed, index);
    if (handle !== undefined && handle.lastIndex < committed) {
      this.violation(`${key}: ${node} leads term ${term} with ${handle.lastIndex} entries of ${committed} committed`);
    }
  }

  /** Monotonicity, looked at after each event of a process that hosts groups. */
  #afterEvent(owner: Owner): void {
    const groups = this.#watched.get(owner);
    if (groups === undefined) return;
    for (const group of groups) {
      const { handle, node } = group;
      if (group.history.isDeleted) continue;
      const { term, commitIndex } = handle;
      if (term < group.term) this.violation(`group ${handle.groupId}: the term of ${node} went back to ${term}`);
      if (commitIndex < group.commitIndex) {
        this.violation(`group ${handle.groupId}: the commit index of ${node} went back to ${commitIndex}`);
      }
      const isLeader = handle.role === "leader";
      if (isLeader && !group.isLeader) {
        const known = group.history.leaders.get(term);
        if (known !== undefined && known !== node) {
          this.violation(`group ${handle.groupId}: ${known} and ${node} both lead in term ${term}`);
        }
        group.history.leaders.set(term, node);
      }
      if (group.isLeader && !isLeader && term === group.term) this.saw("replica without quorum stepped down");
      group.term = term;
      group.commitIndex = commitIndex;
      group.isLeader = isLeader;
    }
  }

  // ---- disks

  written(machine: Machine, path: string, chunks: readonly Uint8Array[]): void {
    const numbers = chunks.flatMap((chunk) => marksIn(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    let byPath = this.#unsynced.get(machine);
    if (byPath === undefined) this.#unsynced.set(machine, (byPath = new Map()));
    let pending = byPath.get(path);
    if (pending === undefined) byPath.set(path, (pending = new Set()));
    for (const number of numbers) pending.add(number);
  }

  synced(machine: Machine, path: string): void {
    const byPath = this.#unsynced.get(machine);
    const pending = byPath?.get(path);
    if (pending === undefined) return;
    byPath?.delete(path);
    for (const number of pending) {
      let copies = this.#copies.get(number);
      if (copies === undefined) this.#copies.set(number, (copies = new Set()));
      copies.add(machine);
    }
  }

  /** What was on the lost disk was there: an acknowledgement that counted it may still be on its way. */
  diskReplaced(machine: Machine): void {
    this.#unsynced.delete(machine);
  }

  /** An acknowledgement of this record reached its client. */
  acknowledged(number: number): void {
    const zones = new Set([...(this.#copies.get(number) ?? [])].map(({ az }) => az));
    if (zones.size < 2) this.violation(`record ${number} was acknowledged while ${zones.size} zones had it on disk`);
  }
}

export function markOf(number: number): string {
  return `\u00abR${number};`;
}

function marksIn(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = bytes.indexOf(MARK_START); at !== -1; at = bytes.indexOf(MARK_START, at + 1)) {
    const end = bytes.indexOf(MARK_END, at);
    if (end === -1) break;
    numbers.push(Number(bytes.toString("latin1", at + MARK_START.length, end)));
  }
  return numbers;
}
