import type { Command } from "@millrace/proto";
import { expect, test } from "vitest";
import { decodeCommandEntry, encodeCommandEntry } from "./command.ts";
import { ConsumerSeconds } from "./consumer-seconds.ts";
import { decide } from "./decisions/decide.ts";
import { cluster, key } from "./testing/commands.ts";

/** A leader whose commands are decided at once. */
class Leader {
  readonly #state = cluster();
  readonly #seconds = new ConsumerSeconds();
  #nextId = 0;

  execute(nowMs: number, content: Command): void {
    const decided = { ...content, commandId: `s${this.#nextId++}` };
    const entry = decodeCommandEntry(encodeCommandEntry(this.#seconds.timeFor(decided, nowMs), decided));
    this.#seconds.applying(this.#state, entry.command, entry.nowMs);
    expect(decide(this.#state, entry.command, entry.nowMs).result.error).toBeNull();
  }

  /** The stream has the next id. */
  makeStream(nowMs: number, streamId: number): void {
    this.execute(nowMs, { createStream: { key: key("s"), shardCount: 1 } });
    this.execute(nowMs, { activateStream: { streamId } });
  }

  register(nowMs: number, name: string): number | undefined {
    this.execute(nowMs, { updateStream: { key: key("s"), registerConsumer: name } });
    return this.#state.streamByKey(key("s"))?.consumers.find((each) => each.name === name)?.createdAtMs;
  }

  deregister(nowMs: number, name: string): void {
    this.execute(nowMs, { updateStream: { key: key("s"), deregisterConsumer: name } });
  }
}

test("a consumer that is made again was made in a later second than the one before; others were made when they were", () => {
  const leader = new Leader();
  leader.makeStream(1_000_000, 1);
  expect(leader.register(1_000_100, "c")).toBe(1_000_100);
  leader.deregister(1_000_200, "c");
  expect(leader.register(1_000_300, "d")).toBe(1_000_300);
  expect(leader.register(1_000_400, "c")).toBe(1_001_000);
  leader.deregister(1_000_500, "c");
  expect(leader.register(1_000_600, "c")).toBe(1_002_000);
  leader.deregister(1_002_500, "c");
  expect(leader.register(1_003_001, "c")).toBe(1_003_001);
});

test("so was one of a stream that is made again", () => {
  const leader = new Leader();
  leader.makeStream(1_000_000, 1);
  expect(leader.register(1_000_100, "c")).toBe(1_000_100);
  leader.execute(1_000_200, { deleteStream: { key: key("s"), enforceConsumerDeletion: true } });
  leader.execute(1_000_300, { removeStream: { streamId: 1 } });
  leader.makeStream(1_000_400, 2);
  expect(leader.register(1_000_500, "c")).toBe(1_001_000);
});
