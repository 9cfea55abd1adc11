import { expect, test } from "vitest";
import { DiskFull } from "./errors.ts";
import { entries, TestMachine } from "./memory/test-machine.ts";

const KIB = 1_024;
const RESERVED = 64 * KIB;

/** What others write there counts when the disk is asked again. */
async function leave(machine: TestMachine, leftBytes: number): Promise<void> {
  machine.disk.setCapacity(machine.disk.usedBytes() + leftBytes);
  await machine.clock.advance(1_000);
}

test("whoever asks whether there is room is not refused, however little of it is left", async () => {
  const machine = new TestMachine();
  machine.disk.setCapacity(10_000 * KIB);
  const store = await machine.open({ reservedFreeBytes: RESERVED });
  await leave(machine, RESERVED + 32 * KIB);
  let index = 0;
  while (store.canAppend()) {
    index++;
    await store.write([{ groupId: 1, entries: entries(index, index, 1, 5 * KIB) }]);
  }
  expect(index).toBeGreaterThan(3);
  expect(store.summary(1)?.lastIndex).toBe(index);
  await store.close();
});

test("a disk that is nearly full takes nothing new, then nothing large that is on its way, but to the end what makes room", async () => {
  const machine = new TestMachine();
  machine.disk.setCapacity(10_000 * KIB);
  const store = await machine.open({ reservedFreeBytes: RESERVED });
  await leave(machine, RESERVED - KIB);
  const answers = (): boolean[] => [store.canAppend(), store.canGoOn(2 * KIB), store.canGoOn(20)];
  expect(answers()).toEqual([false, true, true]);
  await store.write([{ groupId: 1, entries: entries(1, 1, 1, 2 * KIB) }]);
  await leave(machine, 0.75 * RESERVED - KIB);
  expect(answers()).toEqual([false, false, true]);
  await store.write([{ groupId: 1, entries: entries(2, 2, 1, 2 * KIB) }]);
  await leave(machine, RESERVED / 2 - KIB);
  expect(answers()).toEqual([false, false, true]);
  await expect(store.write([{ groupId: 1, entries: entries(3, 3, 1, 2 * KIB) }])).rejects.toThrow(DiskFull);
  await store.write([{ groupId: 1, entries: entries(3, 3, 1) }]);
  await leave(machine, RESERVED / 4 - KIB);
  expect(answers()).toEqual([false, false, false]);
  const truncatePrefix = { index: 1, term: 1, state: Buffer.from("state"), reset: false };
  await store.write([{ groupId: 1, truncatePrefix }]);
  expect(store.summary(1)).toMatchObject({ truncatedIndex: 1, lastIndex: 3 });
  await store.close();
});
