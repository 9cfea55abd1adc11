import { MIB, MINUTE_MS } from "@millrace/util";
import { expect, test } from "vitest";
import { decide } from "../decisions/decide.ts";
import { openShards } from "../decisions/reshard-plan.ts";
import { Liveness } from "../liveness.ts";
import type { BrokerHeartbeat__Output } from "../protocol.ts";
import { DEFAULTS, cluster, command, key } from "../testing/commands.ts";
import { onDemandScaling } from "./on-demand-scaling.ts";
import type { Wish } from "./reconciler.ts";

/** The decoder names the member that is set. */
function asDecoded({ beginReshard }: Wish["command"]) {
  return command("beginReshard", { ...beginReshard, kind: beginReshard?.split ? "split" : "merge" } as never);
}

/** An on-demand stream whose shards are written to as it is said, and whose reshards are through at once. */
class Scaled {
  readonly state = cluster(1, "off");
  readonly liveness = new Liveness();
  nowMs = 1_000;

  constructor(mode: "ON_DEMAND" | "PROVISIONED" = "ON_DEMAND") {
    const made = { key: key("s"), shardCount: 4, mode, tags: {}, ...DEFAULTS };
    decide(this.state, command("createStream", made), 1_000);
    decide(this.state, command("activateStream", { streamId: 1 }), 1_000);
  }

  get open() {
    const stream = this.state.streams.get(1);
    return stream === undefined ? [] : openShards(stream);
  }

  hear(bytesPerSecond: (index: number) => number): void {
    const loads = this.open.map(({ groupId }, index) => ({
      ...{ groupId, writeBytesPerSecond: bytesPerSecond(index), writeRecordsPerSecond: 0 },
    }));
    this.liveness.loads.heard({ loads } as unknown as BrokerHeartbeat__Output, this.nowMs);
  }

  wishes(): string[] {
    return [...onDemandScaling(this)].map((wish) => wish.key);
  }

  /** Carries out what is wished for; returns how many shards are open then. */
  act(): number {
    for (const { command: wished } of [...onDemandScaling(this)]) {
      const { result } = decide(this.state, asDecoded(wished), this.nowMs);
      expect(result.error).toBeNull();
      for (const kind of ["requestClose", "completeReshard"] as const) {
        decide(this.state, command(kind, { streamId: 1 }), this.nowMs);
      }
    }
    return this.open.length;
  }
}

test("the hottest shard is split in its middle, one at a time, and only above what a shard is planned for", () => {
  const scaled = new Scaled();
  scaled.hear(() => MIB);
  expect(scaled.wishes()).toEqual([]);
  scaled.hear((index) => (index === 1 ? 3 : index === 2 ? 2 : 0.5) * MIB);
  expect(scaled.wishes()).toEqual(["split 1 1"]);
  expect(scaled.act()).toBe(5);
  const [, lower, upper] = scaled.open;
  expect(BigInt(lower?.endingHashKey ?? 0) + 1n).toBe(BigInt(upper?.startingHashKey ?? 0));
  expect(scaled.wishes()).toEqual(["split 1 2"]);
});

test("one hot key is not chased for ever", () => {
  const scaled = new Scaled();
  let open = 4;
  for (let rounds = 0; rounds < 30; rounds++) {
    scaled.hear((index) => (index === 0 ? 9 * MIB : 0));
    open = scaled.act();
  }
  expect(open).toBeLessThan(15);
});

test("records count as bytes do, a stream that is resharded is left alone, and so is a provisioned one", () => {
  const scaled = new Scaled();
  const [first] = scaled.open;
  const load = { groupId: first?.groupId ?? 0, writeBytesPerSecond: 0, writeRecordsPerSecond: 1_001 };
  scaled.liveness.loads.heard({ loads: [load] } as unknown as BrokerHeartbeat__Output, scaled.nowMs);
  const [wish] = [...onDemandScaling(scaled)];
  expect(wish?.key).toBe("split 1 0");
  if (wish !== undefined) decide(scaled.state, asDecoded(wish.command), 1_000);
  expect(scaled.wishes()).toEqual([]);
  const provisioned = new Scaled("PROVISIONED");
  provisioned.hear(() => 10 * MIB);
  expect(provisioned.wishes()).toEqual([]);
});

test("neighbours that are cold for a quarter of an hour are merged, down to four shards; news that is old counts for nothing", () => {
  const scaled = new Scaled();
  scaled.hear(() => 2 * MIB);
  expect(scaled.act()).toBe(5);
  scaled.hear(() => 2 * MIB);
  expect(scaled.act()).toBe(6);
  const isCold = (minutes: number): void => {
    for (let second = 0; second < minutes * 60; second++) {
      scaled.nowMs += 1_000;
      scaled.hear(() => MIB / 10);
      scaled.act();
    }
  };
  isCold(14);
  expect(scaled.open).toHaveLength(6);
  isCold(2);
  expect(scaled.open).toHaveLength(4);
  isCold(40);
  expect(scaled.open).toHaveLength(4);

  scaled.hear(() => 5 * MIB);
  scaled.nowMs += MINUTE_MS;
  expect(scaled.wishes()).toEqual([]);
});

test("throughput that is kept warm keeps its shards", () => {
  const scaled = new Scaled();
  scaled.hear(() => 2 * MIB);
  expect(scaled.act()).toBe(5);
  decide(
    scaled.state,
    command("updateStream", { key: key("s"), change: "warmThroughputMibps", warmThroughputMibps: 10 } as never),
    1,
  );
  for (let second = 0; second < 40 * 60; second++) {
    scaled.nowMs += 1_000;
    scaled.hear(() => 0);
    scaled.act();
  }
  expect(scaled.open).toHaveLength(5);
});
