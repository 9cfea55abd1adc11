import type { ClusterState } from "../state/cluster-state.ts";

/** Refused: nothing has changed. `code` is for programs (the gateway words its own answer), `message` for operators. */
export class Refusal extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, string>>;

  constructor(code: string, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/**
 * Refusals after which clients repeat the same request, as AWS's SDKs do after a ServiceUnavailableException or a
 * LimitExceededException: a repetition is decided anew, for what stood in the way may have passed.
 */
export const MAY_PASS: ReadonlySet<string> = new Set([
  "NOT_ENOUGH_ZONES",
  "STREAMS_CREATING_LIMIT_EXCEEDED",
  "ON_DEMAND_LIMIT_EXCEEDED",
  "SHARD_LIMIT_EXCEEDED",
  "LIMIT_EXCEEDED",
]);

/** What a decision may look at: the state, its own input, and the time that the leader stamped. Nothing else. */
export interface DecisionContext {
  readonly state: ClusterState;
  readonly nowMs: number;
}

export interface DecisionResult {
  readonly incarnation?: number;
  readonly refusedShards?: readonly number[];
}

/** @throws Refusal before anything has changed */
export type Decision<Input> = (context: DecisionContext, input: Input) => DecisionResult | void;
