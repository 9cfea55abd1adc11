import { drainMicrotasks } from "./microtasks.ts";
import type { Scheduler } from "./scheduler.ts";

/** Code under simulation asked the machine for something. */
export class OutsideWorld extends Error {
  override readonly name = "OutsideWorld";
}

/**
 * Runs `action`, synchronously, with the doors to the real world shut: real time, real timers and real randomness throw, so that
 * what leaks is found at once and not as a trace that differs now and then. `setImmediate` and `queueMicrotask` are turns, not time:
 * they become the simulation's.
 */
export function sealed<T>(scheduler: Scheduler, action: () => T): T {
  const { setTimeout, setInterval, setImmediate, queueMicrotask, Date: RealDate } = globalThis;
  const { random } = Math;
  const { now } = RealDate;
  // oxlint-disable-next-line typescript/unbound-method -- put back as they were
  const { now: performanceNow } = performance;
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const { nextTick } = process;
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const { timeout: abortTimeout } = AbortSignal;
  const shut = (what: string) => (): never => {
    throw new OutsideWorld(`${what} was called by code that is simulated`);
  };
  const turn = (callback: (...values: unknown[]) => void, ...values: unknown[]): void => {
    const owner = scheduler.current;
    queueMicrotask(() => {
      try {
        callback(...values);
      } catch (error) {
        if (owner === undefined) throw error;
        scheduler.onUncaught(owner, error);
      }
    });
  };
  const immediate = (callback: (...values: unknown[]) => void, ...values: unknown[]): void =>
    scheduler.immediate(() => callback(...values));
  Object.assign(globalThis, {
    setTimeout: shut("setTimeout"),
    setInterval: shut("setInterval"),
    setImmediate: immediate,
    queueMicrotask: turn,
  });
  RealDate.now = shut("Date.now");
  Math.random = shut("Math.random");
  performance.now = shut("performance.now");
  process.nextTick = turn as typeof process.nextTick;
  AbortSignal.timeout = shut("AbortSignal.timeout");
  try {
    return action();
  } finally {
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate, queueMicrotask });
    RealDate.now = now;
    Math.random = random;
    performance.now = performanceNow;
    process.nextTick = nextTick;
    AbortSignal.timeout = abortTimeout;
    drainMicrotasks();
  }
}
