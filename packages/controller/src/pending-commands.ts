import type { Proposal } from "@millrace/multiraft";
import type { Clock } from "@millrace/util";
import { CommandInterrupted } from "./errors.ts";
import type { CommandResult__Output } from "./protocol.ts";

/** How one command went, on the leader that took it. */
export interface CommandReport {
  readonly kind: string;
  /** `ok`, or the code of the refusal. */
  readonly outcome: string;
  /** From the proposal until it was applied. */
  readonly durationMs: number;
}

interface Pending {
  readonly commandId: string;
  readonly term: number;
  readonly startedMs: number;
  resolve(result: CommandResult__Output): void;
  reject(error: Error): void;
}

/** Proposed here, not applied yet. Bounded by its owner. */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #byIndex = new Map<number, Pending>();
  readonly #byId = new Map<string, Promise<CommandResult__Output>>();
  #onReport: (report: CommandReport) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#byIndex.size;
  }

  onReport(listener: (report: CommandReport) => void): void {
    this.#onReport = listener;
  }

  /** A repetition waits with the first. */
  outcomeOf(commandId: string): Promise<CommandResult__Output> | undefined {
    return this.#byId.get(commandId);
  }

  /** The promise rejects with CommandInterrupted when the outcome cannot be known here. */
  add(commandId: string, { index, term }: Proposal): Promise<CommandResult__Output> {
    const outcome = new Promise<CommandResult__Output>((resolve, reject) => {
      this.#byIndex.set(index, { commandId, term, startedMs: this.#clock.monotonicMs(), resolve, reject });
    });
    this.#byId.set(commandId, outcome);
    return outcome;
  }

  /** What was committed at `index` is applied. */
  settle(index: number, term: number, kind: string, result: CommandResult__Output): void {
    const pending = this.#take(index);
    if (pending === undefined) return;
    if (pending.term !== term) {
      pending.reject(new CommandInterrupted("another leader's command took its place"));
      return;
    }
    const durationMs = this.#clock.monotonicMs() - pending.startedMs;
    this.#onReport({ kind, outcome: result.error?.code ?? "ok", durationMs });
    pending.resolve(result);
  }

  interruptAll(reason: string): void {
    for (const index of [...this.#byIndex.keys()]) this.#take(index)?.reject(new CommandInterrupted(reason));
  }

  #take(index: number): Pending | undefined {
    const pending = this.#byIndex.get(index);
    if (pending === undefined) return undefined;
    this.#byIndex.delete(index);
    this.#byId.delete(pending.commandId);
    return pending;
  }
}
