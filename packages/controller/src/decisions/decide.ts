import type { Command__Output, CommandResult__Output } from "@millrace/proto";
import { assert } from "@millrace/util";
import type { Changes, ClusterState } from "../state/cluster-state.ts";
import { activateStream } from "./activate-stream.ts";
import { createStream } from "./create-stream.ts";
import { type Decision, type DecisionResult, Refusal } from "./decision.ts";
import { deleteStream } from "./delete-stream.ts";
import { initializeCluster } from "./initialize-cluster.ts";
import { beginMove, cancelMove, completeMove, removeBroker, replicaDropped } from "./move-replica.ts";
import { recoverShard } from "./recover-shard.ts";
import { registerBroker } from "./register-broker.ts";
import { removeStream } from "./remove-stream.ts";
import { beginReshard, completeReshard, requestClose } from "./reshard.ts";
import { setBrokerState } from "./set-broker-state.ts";
import { removeGroup, updateLeases } from "./update-leases.ts";
import { updateStream } from "./update-stream.ts";

type KindName = NonNullable<Command__Output["kind"]>;
type Decisions = { readonly [K in KindName]: Decision<NonNullable<Command__Output[K]>> };

/** The one place that knows every command. */
const DECISIONS: Decisions = {
  createStream,
  deleteStream,
  registerBroker,
  activateStream,
  removeStream,
  initializeCluster,
  setBrokerState,
  updateStream,
  beginReshard,
  requestClose,
  completeReshard,
  beginMove,
  completeMove,
  cancelMove,
  removeBroker,
  replicaDropped,
  recoverShard,
  updateLeases,
  removeGroup,
};

/** Decided again when repeated, with the same outcome: nothing needs to be remembered of them. */
const NOT_REMEMBERED: ReadonlySet<string | undefined> = new Set<KindName>(["updateLeases"]);

export interface Decided {
  readonly result: CommandResult__Output;
  readonly changes: Changes | undefined;
}

/** Applies one command to the state: deterministic, all or nothing. A repetition gets the first answer. */
export function decide(state: ClusterState, command: Command__Output, nowMs: number): Decided {
  const known = state.resultOf(command.commandId);
  if (known !== undefined) return { result: known, changes: undefined };
  const { kind } = command;
  let decided: DecisionResult = {};
  let error: CommandResult__Output["error"] = null;
  try {
    const input = kind === undefined ? undefined : command[kind];
    if (kind === undefined || input === undefined || input === null) throw new Refusal("BAD_COMMAND", "unknown kind");
    const decision = DECISIONS[kind] as Decision<typeof input>;
    decided = decision({ state, nowMs }, input) ?? {};
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    error = { code: refusal.code, message: refusal.message, details: { ...refusal.details } };
  }
  const changes = state.takeChanges();
  assert(error === null || changes === undefined, "a refused decision changes nothing");
  const { incarnation = 0, refusedShards = [] } = decided;
  const result = { version: state.version, error, incarnation, refusedShards: [...refusedShards] };
  if (!NOT_REMEMBERED.has(kind)) state.remember(command.commandId, result);
  return { result, changes };
}
