import { type ClusterClock, errorMessage, type Logger, type Timer } from "@millrace/util";
import type { ControllerConnection } from "./types.ts";

const ASK_EVERY_MS = 10_000;
const ASK_AGAIN_AFTER_MS = 500;
const TIMEOUT_MS = 1_000;

/** Keeps a node that is no broker at the time that most of the cluster's nodes have. Brokers learn it with their heartbeats. */
export class ClusterTime {
  readonly #controllers: ControllerConnection;
  readonly #clock: ClusterClock;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: { controllers: ControllerConnection; clock: ClusterClock; logger: Logger }) {
    this.#controllers = options.controllers;
    this.#clock = options.clock;
    this.#logger = options.logger;
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #ask(): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    let nextMs = ASK_EVERY_MS;
    try {
      // The heartbeat of nobody: it changes nothing, and its answer has the time.
      const { clusterNowMs } = await this.#controllers.heartbeat({ nodeId: "" }, { timeoutMs: TIMEOUT_MS });
      this.#clock.heard(clusterNowMs, askedAtMs);
    } catch (error) {
      this.#logger.debug({ error: errorMessage(error) }, "no controller says what time it is");
      nextMs = ASK_AGAIN_AFTER_MS;
    }
    if (!this.#isClosed) this.#timer = this.#clock.setTimer(nextMs, () => void this.#ask());
  }
}
