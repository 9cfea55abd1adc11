import type { Clock, Timer } from "@millrace/util";
import { EventKind, type Owner, type Scheduler } from "./scheduler.ts";

/** 2026-01-01T00:00:00Z: where wall clocks stand when a simulation begins. */
export const EPOCH_MS = 1_767_225_600_000;

/** What a machine's clocks read. People and NTP move the wall clock; crystals drift. */
export interface ClockSettings {
  /** Of the wall clock, against the simulation's time. */
  offsetMs: number;
  /** How much faster than it should the machine counts. */
  driftPpm: number;
}

/** The clock of one process. Its timers are events of that process: they die and stop with it. */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #owner: Owner;
  readonly #settings: ClockSettings;
  readonly #rate: number;

  constructor(scheduler: Scheduler, owner: Owner, settings: ClockSettings) {
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.#settings = settings;
    this.#rate = 1 + settings.driftPpm / 1_000_000;
  }

  nowMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowUs / 1_000) + this.#settings.offsetMs;
  }

  monotonicMs(): number {
    this.#scheduler.clockRead(this.#owner);
    return (this.#scheduler.nowUs * this.#rate) / 1_000;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const delayUs = (Math.max(0, delayMs) * 1_000) / this.#rate;
    const event = this.#scheduler.schedule(delayUs, this.#owner, EventKind.timer, callback);
    return { cancel: () => this.#scheduler.cancel(event) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.setTimer(delayMs, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
