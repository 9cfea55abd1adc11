import { silentLogger } from "@millrace/util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectControllers } from "./controller-connection.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { deltaUpdate, fullUpdate } from "./testing/metadata-fixtures.ts";
import { seededRandom } from "./testing/simulated-cluster.ts";
import { SimulatedControllers } from "./testing/simulated-controllers.ts";
import type { ControllerConnection } from "./types.ts";

const COMMAND = { commandId: "command-1", deleteStream: { key: { accountId: "1", region: "r", name: "n" } } };
const ADDRESSES = ["one", "two", "three"];

let clock: ManualClock;
let controllers: SimulatedControllers;
let connection: ControllerConnection;

function begin(addresses = ADDRESSES): void {
  clock = new ManualClock();
  controllers = new SimulatedControllers(clock);
  const { connect } = controllers;
  connection = connectControllers({ addresses, clock, random: seededRandom(1), logger: silentLogger, connect });
  controllers.leader = "three";
}

beforeEach(() => begin());
afterEach(() => connection.close());

test("a call follows the leader's address at once, and its election within a poll interval", async () => {
  expect(await clock.until(connection.execute(COMMAND, { timeoutMs: 5_000 }))).toBeLessThan(10);
  expect(controllers.calls).toEqual(["one", "three"]);
  controllers.stop("three");
  controllers.leader = "";
  const executed = connection.execute(COMMAND, { timeoutMs: 5_000 });
  await clock.advance(700);
  controllers.leader = "two";
  expect(await clock.until(executed)).toBeLessThan(250);
  await expect(executed).resolves.toMatchObject({ version: 1 });
});

test("no attempt follows the deadline, the abort or the close", async () => {
  controllers.leader = "";
  const late = connection.execute(COMMAND, { timeoutMs: 1_000 });
  const lateOutcome = expect(late).rejects.toMatchObject({ code: "CONTROLLER_UNAVAILABLE" });
  expect(await clock.until(late)).toBeLessThanOrEqual(1_000);
  await lateOutcome;
  const abort = new AbortController();
  const aborted = connection.execute(COMMAND, { timeoutMs: 5_000, signal: abort.signal });
  const abortedOutcome = expect(aborted).rejects.toMatchObject({ code: "CONTROLLER_UNAVAILABLE" });
  await clock.advance(100);
  abort.abort();
  expect(await clock.until(aborted)).toBeLessThanOrEqual(110);
  await abortedOutcome;
  const closed = connection.execute(COMMAND, { timeoutMs: 5_000 });
  const closedOutcome = expect(closed).rejects.toThrow("closed");
  await clock.advance(100);
  connection.close();
  expect(await clock.until(closed)).toBeLessThanOrEqual(110);
  await closedOutcome;
  const { length } = controllers.calls;
  await clock.advance(5_000);
  expect(controllers.calls.length).toBe(length);
});

test("a controller that hangs costs an attempt, not the call", async () => {
  begin(["stuck", "two", "three"]);
  const executed = connection.execute(COMMAND, { timeoutMs: 8_000 });
  expect(await clock.until(executed)).toBeLessThan(2_200);
  await expect(executed).resolves.toMatchObject({ version: 1 });
});

test("a controller that hangs does not use up a short call", async () => {
  begin(["stuck", "two", "three"]);
  const executed = connection.execute(COMMAND, { timeoutMs: 1_000 });
  expect(await clock.until(executed)).toBeLessThan(700);
  await expect(executed).resolves.toMatchObject({ version: 1 });
});

test("a watch moves to another replica when its own is gone, and ends with the connection", async () => {
  const versions: number[] = [];
  connection.watch(({ version }) => versions.push(version));
  await clock.advance(5);
  const first = ADDRESSES.find((address) => controllers.watchersOf(address) === 1) ?? "";
  controllers.push(first, fullUpdate(1, [], []));
  controllers.stop(first);
  await clock.advance(50);
  const second = ADDRESSES.find((address) => controllers.watchersOf(address) === 1) ?? "";
  expect(second).not.toBe(first);
  controllers.push(second, deltaUpdate(2, {}));
  expect(versions).toEqual([1, 2]);
  connection.close();
  controllers.push(second, deltaUpdate(3, {}));
  await clock.advance(5_000);
  expect(ADDRESSES.map((address) => controllers.watchersOf(address))).toEqual([0, 0, 0]);
  expect(versions).toEqual([1, 2]);
});
