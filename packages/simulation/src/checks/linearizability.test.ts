import { expect, test } from "vitest";
import { SeededRandom } from "../world/random.ts";
import { CONSUMER_MODEL, type ConsumerInput, type ConsumerOutput } from "./consumer-model.ts";
import { isLinearizable, type Operation } from "./linearizability.ts";

type Call = Operation<ConsumerInput, ConsumerOutput>;

function call(input: ConsumerInput, output: ConsumerOutput | undefined, calledAt: number, returnedAt = Infinity): Call {
  return { client: "c", input, output, calledAt, returnedAt };
}
const check = (calls: readonly Call[]): boolean => isLinearizable(calls, CONSUMER_MODEL);

test("T23 good histories", () => {
  expect(check([])).toBe(true);
  expect(
    check([call("register", "done", 1, 2), call("register", "refused", 3, 4), call("deregister", "done", 5, 6)]),
  ).toBe(true);
  // They overlap: the later call came first.
  expect(check([call("deregister", "done", 1, 9), call("register", "done", 2, 8)])).toBe(true);
  // Never heard of, and done; or done later; or never.
  expect(check([call("register", undefined, 1), call("register", "refused", 2, 3)])).toBe(true);
  expect(check([call("register", undefined, 1), call("register", "done", 2, 3)])).toBe(true);
  expect(
    check([call("register", undefined, 1), call("deregister", "refused", 2, 3), call("deregister", "done", 4, 5)]),
  ).toBe(true);
});

test("T23 bad histories", () => {
  expect(check([call("register", "done", 1, 2), call("register", "done", 3, 4)])).toBe(false);
  expect(check([call("register", "done", 1, 4), call("register", "done", 2, 3)])).toBe(false);
  expect(check([call("deregister", "done", 1, 2)])).toBe(false);
  expect(check([call("register", "refused", 1, 2)])).toBe(false);
  // A refusal by old knowledge: it was gone before this was called.
  expect(
    check([call("register", "done", 1, 2), call("deregister", "done", 3, 4), call("register", "refused", 5, 6)]),
  ).toBe(false);
  // Once is not twice.
  expect(
    check([call("register", undefined, 1), call("deregister", "done", 2, 3), call("deregister", "done", 4, 5)]),
  ).toBe(false);
  // It was called after that.
  expect(check([call("deregister", "done", 1, 2), call("register", undefined, 3)])).toBe(false);
});

/** Operations that reach one object at a moment of their own, some of them unheard of. */
function history(random: SeededRandom, length: number): Call[] {
  let isThere = false;
  const busyUntil = [0, 0, 0, 0];
  const moments = Array.from({ length }, () => random.between(0, length * 20)).toSorted((one, other) => one - other);
  return moments.flatMap((moment) => {
    const client = random.between(0, busyUntil.length - 1);
    if ((busyUntil[client] as number) >= moment) return [];
    const input: ConsumerInput = random.chance(0.5) ? "register" : "deregister";
    const output: ConsumerOutput = isThere === (input === "register") ? "refused" : "done";
    isThere = input === "register";
    const calledAt = Math.max((busyUntil[client] as number) + 1, moment - random.between(0, 15));
    const returnedAt = moment + random.between(0, 15);
    busyUntil[client] = returnedAt;
    return [random.chance(0.03) ? call(input, undefined, calledAt) : call(input, output, calledAt, returnedAt)];
  });
}

test("T23 histories of a real object pass, and nearly none does with one answer turned", () => {
  let noticed = 0;
  const rounds = 200;
  for (let round = 0; round < rounds; round++) {
    const random = new SeededRandom(`history ${round}`);
    const calls = history(random, 120);
    expect(check(calls)).toBe(true);
    const at = random.between(0, calls.length - 1);
    const turned = calls.map((each, index) => {
      if (index !== at || each.output === undefined) return each;
      return { ...each, output: each.output === "done" ? "refused" : "done" } as Call;
    });
    if (!check(turned)) noticed++;
  }
  expect(noticed).toBeGreaterThan(rounds / 2);
});
