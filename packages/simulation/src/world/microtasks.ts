import { setFlagsFromString } from "node:v8";

/**
 * Runs everything that waits in the microtask queue, and what that puts there, before it returns: a turn of the event loop without
 * the event loop. So a whole simulation is one synchronous call into which nothing real can come.
 *
 * V8 has had this function since before Node 8; Node runs the same checkpoint after each of its callbacks.
 */
export const drainMicrotasks: () => void = (() => {
  setFlagsFromString("--allow-natives-syntax");
  try {
    // oxlint-disable-next-line typescript/no-implied-eval, no-new-func -- the one way to spell it
    return new Function("%PerformMicrotaskCheckpoint();") as () => void;
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
})();

/** False inside of a microtask, where a checkpoint does nothing: a simulation starts from a callback of the event loop. */
export function canDrainMicrotasks(): boolean {
  let ran = false;
  queueMicrotask(() => (ran = true));
  drainMicrotasks();
  return ran;
}
