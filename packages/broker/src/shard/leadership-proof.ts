import type { GroupHandle } from "@millrace/multiraft";
import type { Clock } from "@millrace/util";

/** A read lacks at most what was acknowledged in so long before it was asked for. */
export const READ_STALENESS_MS_MAX = 1_000;
const PROOF_TIMEOUT_MS = 2_000;

/** Nobody confirmed that this replica leads. */
export class LeadershipUnproven extends Error {
  override readonly name = "LeadershipUnproven";
}

/**
 * A leader that was stopped, or cut off, does not know that there is another one. So reads are answered from its state only
 * while a majority has confirmed it not long ago, by a clock that goes on while the process does not.
 */
export class LeadershipProof {
  readonly #clock: Clock;
  readonly #group: () => GroupHandle;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  /** The round that is under way, for all who wait. */
  #round: Promise<void> | undefined;

  constructor(clock: Clock, group: () => GroupHandle) {
    this.#clock = clock;
    this.#group = group;
  }

  /** Undefined: the last proof is new enough. @throws LeadershipUnproven, NotLeader */
  renew(): Promise<void> | undefined {
    if (this.#clock.monotonicMs() - this.#provenAtMs <= READ_STALENESS_MS_MAX) return undefined;
    this.#round ??= this.#prove().finally(() => (this.#round = undefined));
    return this.#round;
  }

  /** Leadership is over: what was proved says nothing of the next one. */
  reset(): void {
    this.#provenAtMs = Number.NEGATIVE_INFINITY;
  }

  async #prove(): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const abort = new AbortController();
    const timer = this.#clock.setTimer(PROOF_TIMEOUT_MS, () =>
      abort.abort(new LeadershipUnproven("no majority answered")),
    );
    try {
      await this.#group().readBarrier(abort.signal);
      this.#provenAtMs = startMs;
    } finally {
      timer.cancel();
    }
  }
}
