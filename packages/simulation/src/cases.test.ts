/** What users of other logs suffered, as they told it, step by step; every promise is checked meanwhile and at the end. */
import { expect, test } from "vitest";
import type { Stage } from "./stage.ts";
import type { ClusterNode } from "./cluster/cluster.ts";
import { until } from "./scenarios/scenario.ts";
import { live } from "./testing/lives.ts";

const DAY_MS = 86_400_000;
const SEEDS = ["1", "2", "3"];

/** In several clusters: their sizes, loads and operators differ. */
async function play(script: (stage: Stage) => Promise<void>): Promise<void> {
  for (const seed of SEEDS) {
    const { violations, acknowledged } = await live({ seed: `case ${seed}`, durationMs: 0, operators: false, script });
    expect(violations, `seed "case ${seed}"`).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
  }
}

/** A broker that leads something, once there is one. */
async function aLeader({ cluster, clock, random }: Stage): Promise<ClusterNode> {
  for (;;) {
    if (cluster.leaders.length > 0) return random.pick(cluster.leaders);
    await clock.sleep(50);
  }
}

function cut({ cluster }: Stage, one: string, two: string): () => void {
  const links = [cluster.network.link(one, two), cluster.network.link(two, one)];
  for (const link of links) link.block();
  return () => {
    for (const link of links) link.unblock();
  };
}

test("D01 all machines lose their power at once, with what was not synced, again and again", async () => {
  await play(async ({ cluster, clock, random, progress }) => {
    for (let round = 0; round < 4; round++) {
      await progress(20_000);
      await clock.sleep(random.between(100, 2_000));
      for (const node of cluster.nodes) cluster.cutPower(node, random.chance(0.5) ? "lost" : "torn");
      await clock.sleep(random.between(100, 2_000));
      for (const node of cluster.nodes) cluster.start(node, random.between(0, 500_000));
    }
    await progress(20_000);
  });
}, 120_000);

test("D03 the leader is killed in a burst, 30 times: writes go on within five seconds", async () => {
  await play(async (stage) => {
    const { cluster, clock, random, progress } = stage;
    for (let round = 0; round < 30; round++) {
      const leader = await aLeader(stage);
      await clock.sleep(random.between(0, 500));
      cluster.kill(leader);
      await progress(5_000);
      cluster.start(leader);
    }
  });
}, 120_000);

test("D06 bits turn in closed files and in the newest one of a replica, and it is started again", async () => {
  await play(async (stage) => {
    const { cluster, clock, random, progress } = stage;
    const node = random.pick(cluster.of("broker").filter(({ machine }) => machine.az === cluster.lossyZone));
    for (let round = 0; round < 5; round++) {
      await progress(20_000);
      await clock.sleep(random.between(500, 2_000));
      // A broker whose disk was lost is filled from a few seconds on: until then there is nothing to turn.
      await until(stage, "there are bits to turn", () => node.machine.rot() > 0);
      cluster.kill(node);
      await clock.sleep(100);
      cluster.start(node);
    }
  });
}, 120_000);

test("D10 two of three disks are lost: what is left never makes a quorum that serves a shorter log", async () => {
  let played = 0;
  const script = async ({ cluster, clock, progress, acknowledged }: Stage): Promise<void> => {
    const brokers = cluster.of("broker");
    if (brokers.length > 3) return;
    played++;
    await progress(20_000);
    const [a, b, c] = brokers as [ClusterNode, ClusterNode, ClusterNode];
    cluster.kill(c);
    const isolatedAt = acknowledged();
    await progress(20_000);
    expect(acknowledged()).toBeGreaterThan(isolatedAt);
    cluster.remove(a);
    cluster.replaceDisk(b);
    // An acknowledgement may still have been on its way.
    await clock.sleep(1_000);
    const before = acknowledged();
    cluster.start(b);
    cluster.start(c);
    await clock.sleep(60_000);
    expect(acknowledged()).toBe(before);
    for (const { state } of [b, c]) {
      for (const { group } of state.broker?.node.allShards() ?? []) expect(group.role).not.toBe("leader");
    }
  };
  for (const seed of ["1", "2", "3", "4", "5", "6"]) {
    const { violations } = await live({ seed: `case ${seed}`, durationMs: 0, operators: false, heals: false, script });
    expect(violations, `seed "case ${seed}"`).toEqual([]);
  }
  expect(played).toBeGreaterThan(1);
}, 120_000);

test("D12 two brokers do not hear each other, a third hears both: writes go on within ten seconds, leaders stay", async () => {
  await play(async (stage) => {
    const { cluster, clock, progress, elections } = stage;
    await progress(20_000);
    const names = cluster.of("broker").map(({ machine }) => machine.name);
    const pairs = names.flatMap((one, at) => names.slice(at + 1).map((two) => [one, two] as const));
    for (const [one, two] of pairs.slice(0, 4)) {
      const heal = cut(stage, one, two);
      await clock.sleep(10_000);
      await progress(10_000);
      const before = elections();
      await clock.sleep(20_000);
      await progress(10_000);
      expect(elections() - before).toBeLessThanOrEqual(2);
      heal();
      await progress(10_000);
    }
  });
}, 300_000);

test("D12 two controllers do not hear each other: what is decided goes on being decided", async () => {
  await play(async (stage) => {
    for (const [one, two] of [
      ["controller-1", "controller-2"],
      ["controller-2", "controller-3"],
      ["controller-1", "controller-3"],
    ] as const) {
      const heal = cut(stage, one, two);
      await stage.clock.sleep(10_000);
      await stage.progress(10_000);
      heal();
    }
  });
}, 120_000);

test("D14 syncs of a leader take seconds: writes go on, and elections do not storm", async () => {
  await play(async (stage) => {
    const { clock, progress, elections } = stage;
    const leader = await aLeader(stage);
    leader.machine.diskBehaviour.slowness = 2_000;
    await progress(10_000);
    const before = elections();
    for (let round = 0; round < 6; round++) {
      await clock.sleep(5_000);
      await progress(10_000);
    }
    expect(elections() - before).toBeLessThan(3);
    leader.machine.diskBehaviour.slowness = 1;
  });
}, 120_000);

test("D16 clocks of a broker, and of a controller, are 40 days ahead for a minute, and a day behind", async () => {
  await play(async (stage) => {
    const { cluster, clock, progress, random } = stage;
    for (const role of ["broker", "controller", "gateway"] as const) {
      for (const offsetMs of [40 * DAY_MS, -DAY_MS]) {
        const node = role === "broker" ? await aLeader(stage) : random.pick(cluster.of(role));
        node.machine.clock.offsetMs = offsetMs;
        await clock.sleep(10_000);
        await progress(10_000);
        node.machine.clock.offsetMs = 0;
        await clock.sleep(2_000);
      }
    }
  });
}, 300_000);

test.each([1_000, 5_000, 20_000, 120_000])(
  "D19 the leader is stopped for %i ms with puts in flight, and goes on",
  async (pauseMs) => {
    await play(async (stage) => {
      const leader = await aLeader(stage);
      leader.machine.pause();
      await stage.clock.sleep(pauseMs);
      await stage.progress(10_000);
      leader.machine.resume();
      await stage.progress(10_000);
    });
  },
  120_000,
);

/** The controller that leads, and the two others. */
async function controllers({ cluster, clock }: Stage): Promise<[ClusterNode, ClusterNode, ClusterNode]> {
  for (;;) {
    const all = cluster.of("controller");
    const leader = all.find(({ state }) => state.controller?.node.isLeader === true);
    if (leader !== undefined) return [leader, ...all.filter((each) => each !== leader)] as never;
    await clock.sleep(50);
  }
}

const decided = ({ state }: ClusterNode): number => state.controller?.node.state.version ?? 0;

test("D21: a controller's disk is lost while the others are cut off from each other: what was decided stays decided", async () => {
  await play(async (stage) => {
    const { cluster, clock, progress } = stage;
    await progress(20_000);
    const [leader, lost, stale] = await controllers(stage);
    const part = (one: ClusterNode, two: ClusterNode): (() => void) => cut(stage, one.machine.name, two.machine.name);
    const joinLeaderAndStale = part(leader, stale);
    const joinLostAndStale = part(lost, stale);
    const before = decided(leader);
    const broker = await aLeader(stage);
    cluster.kill(broker);
    while (decided(leader) === before) await clock.sleep(50);
    const acknowledged = decided(leader);
    cluster.replaceDisk(lost);
    const joinLeaderAndLost = part(leader, lost);
    joinLostAndStale();
    cluster.start(lost);
    await clock.sleep(10_000);
    expect(decided(lost)).toBe(0);
    expect(decided(stale)).toBeLessThanOrEqual(before);
    cluster.start(broker);
    joinLeaderAndLost();
    joinLeaderAndStale();
    await clock.sleep(10_000);
    for (const each of [lost, stale]) expect(decided(each)).toBeGreaterThanOrEqual(acknowledged);
    await progress(20_000);
  });
}, 300_000);

test("D23 brokers die while they begin files: each starts by itself, empty files are nothing", async () => {
  await play(async (stage) => {
    const { cluster, clock, random, progress } = stage;
    for (let round = 0; round < 20; round++) {
      const node = random.pick(cluster.of("broker"));
      const { diskHooks } = node.machine;
      const idle = diskHooks.after;
      diskHooks.after = (verb) => {
        if (verb !== "open") return;
        diskHooks.after = idle;
        cluster.cutPower(node, random.chance(0.5) ? "lost" : "torn");
      };
      await clock.sleep(random.between(200, 3_000));
      cluster.kill(node);
      diskHooks.after = idle;
      cluster.start(node);
      await progress(15_000);
    }
  });
}, 120_000);
