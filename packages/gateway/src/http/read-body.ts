import type { Clock } from "@millrace/util";
import type { ByteBudget, BytePermit } from "./byte-budget.ts";
import type { Exchange } from "./exchange.ts";
import { RequestMemory } from "./request-memory.ts";

export interface BodyLimits {
  readonly sizeBytesMax: number;
  /** How long a request waits for room in the byte budget. */
  readonly budgetWaitMs: number;
  /** Silence within a body, and the whole body. */
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

export type BodyResult =
  | {
      readonly kind: "body";
      readonly body: Buffer;
      /** For more that lives as long as the body. */
      readonly memory: RequestMemory;
      release(): void;
    }
  | { readonly kind: "too large" | "no room" | "too slow" | "gone" };

const EMPTY = Buffer.alloc(0);

/** A body of unknown length reserves room in steps: this, twice as much, ... */
const FIRST_STEP_BYTES = 64 * 1024;

function firstStepBytes({ sizeBytesMax }: BodyLimits): number {
  return Math.min(FIRST_STEP_BYTES, sizeBytesMax);
}

/** Reads a body within the limits. Nothing is read before there is room for it, so that the client's data waits outside. */
export async function readBody(
  exchange: Exchange,
  limits: BodyLimits,
  budget: ByteBudget,
  clock: Clock,
  signal: AbortSignal,
): Promise<BodyResult> {
  const declared = exchange.headers["content-length"];
  const length = declared === undefined ? undefined : Number(declared);
  if (length !== undefined && length > limits.sizeBytesMax) return { kind: "too large" };
  if (length === 0) {
    exchange.body.resume();
    const memory = new RequestMemory();
    return { kind: "body", body: EMPTY, memory, release: () => memory.release() };
  }
  const permit = await budget.take(length ?? firstStepBytes(limits), limits.budgetWaitMs, signal);
  if (permit === undefined) return { kind: signal.aborted ? "gone" : "no room" };
  return new BodyReading(exchange, limits, budget, clock, signal, length, permit).run();
}

class BodyReading {
  readonly #exchange: Exchange;
  readonly #limits: BodyLimits;
  readonly #budget: ByteBudget;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #length: number | undefined;
  readonly #permits: BytePermit[];
  readonly #memory = new RequestMemory();
  #isReleased = false;
  #target: Buffer = EMPTY;
  #filledBytes = 0;

  constructor(
    exchange: Exchange,
    limits: BodyLimits,
    budget: ByteBudget,
    clock: Clock,
    signal: AbortSignal,
    length: number | undefined,
    permit: BytePermit,
  ) {
    this.#exchange = exchange;
    this.#limits = limits;
    this.#budget = budget;
    this.#clock = clock;
    this.#signal = signal;
    this.#length = length;
    this.#permits = [permit];
  }

  async run(): Promise<BodyResult> {
    const kind = await this.#readAll();
    if (kind === "body") {
      const body = this.#target.subarray(0, this.#filledBytes);
      return { kind, body, memory: this.#memory, release: () => this.#release() };
    }
    this.#release();
    return { kind };
  }

  #release(): void {
    this.#isReleased = true;
    this.#target = EMPTY;
    this.#memory.release();
    for (const permit of this.#permits) permit.release();
  }

  #readAll(): Promise<BodyResult["kind"]> {
    const { body } = this.#exchange;
    return new Promise((resolve) => {
      const startedMs = this.#clock.monotonicMs();
      let seenBytes = 0;
      const settle = (kind: BodyResult["kind"]): void => {
        timer.cancel();
        body.off("data", onData).off("end", onEnd).off("close", onClose);
        resolve(kind);
      };
      const onData = (chunk: Buffer): void => {
        if (this.#append(chunk)) return;
        if (this.#filledBytes + chunk.length > this.#limits.sizeBytesMax) return settle("too large");
        body.pause();
        this.#grow(chunk).then(
          (hasRoom) => {
            if (!hasRoom) return settle(this.#signal.aborted ? "gone" : "no room");
            this.#append(chunk);
            body.resume();
          },
          () => settle("gone"),
        );
      };
      const onEnd = (): void => settle("body");
      const onClose = (): void => settle("gone");
      const watch = (): void => {
        const isIdle = this.#filledBytes === seenBytes;
        const isOverdue = this.#clock.monotonicMs() - startedMs >= this.#limits.totalTimeoutMs;
        if (isIdle || isOverdue) return settle("too slow");
        seenBytes = this.#filledBytes;
        timer = this.#clock.setTimer(this.#limits.idleTimeoutMs, watch);
      };
      let timer = this.#clock.setTimer(this.#limits.idleTimeoutMs, watch);
      body.on("data", onData).on("end", onEnd).on("close", onClose);
    });
  }

  /** False: there is no room for the chunk. */
  #append(chunk: Buffer): boolean {
    if (this.#isReleased) return true;
    if (this.#filledBytes === 0 && chunk.length === this.#length) {
      // The common case: the whole body in one piece, kept as it came.
      this.#target = chunk;
      this.#filledBytes = chunk.length;
      return true;
    }
    if (this.#target.length === 0) this.#target = this.#memory.allocate(this.#length ?? firstStepBytes(this.#limits));
    if (this.#filledBytes + chunk.length > this.#target.length) return false;
    this.#target.set(chunk, this.#filledBytes);
    this.#filledBytes += chunk.length;
    return true;
  }

  async #grow(chunk: Buffer): Promise<boolean> {
    const neededBytes = this.#filledBytes + chunk.length;
    const grownBytes = Math.min(this.#limits.sizeBytesMax, Math.max(neededBytes, this.#target.length * 2));
    const moreBytes = grownBytes - this.#target.length;
    const permit = await this.#budget.take(moreBytes, this.#limits.budgetWaitMs, this.#signal);
    if (permit === undefined) return false;
    if (this.#isReleased) {
      permit.release();
      return false;
    }
    this.#permits.push(permit);
    const grown = this.#memory.allocate(grownBytes);
    this.#target.copy(grown, 0, 0, this.#filledBytes);
    this.#target = grown;
    return true;
  }
}
