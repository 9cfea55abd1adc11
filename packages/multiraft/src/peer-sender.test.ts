import type { AppendRange, Entry } from "@millrace/raft";
import type { LogStore } from "@millrace/storage";
import { expect, test } from "vitest";
import type { CatchUpPace } from "./catch-up-pace.ts";
import type { Group } from "./group.ts";
import { PeerSender } from "./peer-sender.ts";
import type { PeerTransport } from "./types.ts";
import { decodePeerFrame } from "./wire.ts";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A sender of which nothing is in the cache, and whose pace waits until it is told to go on. */
function senderFromDisk() {
  const sent: number[] = [];
  let matchIndex = 0;
  let goOn = (): void => undefined;
  const transport = {
    send: (_to: string, { payload }: { payload: Buffer }) => {
      for (const { message } of decodePeerFrame(payload, "leader", "peer")) {
        if (message.type === "append") sent.push(...message.entries.map(({ index }) => index));
      }
    },
    bufferedBytes: () => 0,
    onDrain: () => undefined,
  } as unknown as PeerTransport;
  const entry = (index: number): Entry => ({ index, term: 1, type: "data", payload: Buffer.from("x") });
  const store = {
    cachedEntries: () => undefined,
    read: (_group: number, from: number, to: number) =>
      Promise.resolve(Array.from({ length: to - from + 1 }, (_, at) => entry(from + at))),
  } as unknown as LogStore;
  const pace = { sentNew: () => undefined, sent: () => new Promise<void>((resolve) => (goOn = resolve)) };
  const group = {
    groupId: 16,
    leadsIn: () => true,
    followers: () => [{ nodeId: "peer", matchIndex }],
    reportUnsent: () => undefined,
  } as unknown as Group;
  const sender = new PeerSender("peer", { transport, store, pace: pace as unknown as CatchUpPace }, (error) => {
    throw error;
  });
  return {
    sent,
    acknowledged: (index: number) => (matchIndex = index),
    async ask(fromIndex: number, toIndex: number): Promise<void> {
      const range = { type: "appendRange", from: "leader", to: "peer", term: 1, prevIndex: fromIndex - 1, prevTerm: 1 };
      sender.add(group, { ...range, commitIndex: 0, fromIndex, toIndex } as AppendRange);
      sender.flush();
      await settled();
    },
    async goOn(): Promise<void> {
      goOn();
      await settled();
    },
  };
}

test("a probe that comes again with each heartbeat is sent once at a time, and not when it has been answered", async () => {
  const sender = senderFromDisk();
  await sender.ask(1, 3);
  expect(sender.sent).toEqual([1, 2, 3]);
  for (let heartbeat = 0; heartbeat < 10; heartbeat++) await sender.ask(1, 3);
  sender.acknowledged(3);
  await sender.ask(4, 5);
  await sender.goOn();
  expect(sender.sent).toEqual([1, 2, 3, 4, 5]);
});

test("a probe that was not answered is sent again, and what follows in the pipeline stays in order", async () => {
  const sender = senderFromDisk();
  await sender.ask(1, 2);
  await sender.ask(1, 2);
  await sender.goOn();
  expect(sender.sent).toEqual([1, 2, 1, 2]);
  sender.acknowledged(2);
  for (const from of [3, 5, 7]) await sender.ask(from, from + 1);
  for (let at = 0; at < 4; at++) await sender.goOn();
  expect(sender.sent.slice(4)).toEqual([3, 4, 5, 6, 7, 8]);
});
