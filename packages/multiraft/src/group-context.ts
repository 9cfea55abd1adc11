import type { NodeId, OutgoingMessage } from "@millrace/raft";
import type { LogStore } from "@millrace/storage";
import type { Failpoint } from "@millrace/util";
import type { Group } from "./group.ts";
import type { FetchedState } from "./types.ts";

/** What a group needs of the host that drives it. */
export interface GroupContext {
  readonly nodeId: NodeId;
  readonly store: LogStore;
  readonly electionTicks: number;
  readonly randomTicks: (exclusiveMax: number) => number;
  /** Something is ready; the host takes it at the end of this turn. */
  schedule(group: Group): void;
  send(group: Group, message: OutgoingMessage): void;
  leaderChanged(group: Group): void;
  /** Has an unreadable entry replaced. Resolves in the end, with success or not: reading again tells. A state: nobody has it any more. */
  repair(group: Group, index: number): Promise<FetchedState | undefined>;
  /** The node cannot go on. */
  fail(error: unknown): void;
  readonly failpoint: Failpoint | undefined;
}
