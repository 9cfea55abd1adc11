import { ConsumerGroup } from "../clients/consumer-group.ts";
import { listShards } from "../clients/reader.ts";
import { SdkError, type SimulatedSdk } from "../clients/sdk.ts";
import type { Stage } from "../stage.ts";
import { type Scenario, until } from "./scenario.ts";

const GROUP = "billing";
const LEASE_MS = 3_000;
const ROUNDS = 6;

/** There are records enough that nobody had before, and nothing was passed over. */
async function readsOn(stage: Stage, group: ConsumerGroup, violations: readonly string[]): Promise<void> {
  const before = group.deliveredCount;
  await until(stage, "the group reads on", () => {
    if (violations.length > 0) throw new Error(violations[0]);
    return group.deliveredCount > before + 100;
  });
  if (group.gaps.length > 0) throw new Error(`records of ${group.gaps.join(", ")} are missing`);
}

export const consumerGroupGoesOn: Scenario = {
  name: "workers of a consumer group are killed and cut off, controllers too, and the stream is resharded",
  asks: "Does the group get every record, none after its checkpoint, and children after their parents?",
  seeds: ["1"],
  play: async (stage) => {
    const { cluster, clock, random, progress, streams } = stage;
    await progress(20_000);
    const [stream = ""] = streams;
    const violations: string[] = [];
    const group = new ConsumerGroup({
      cluster,
      stream,
      group: GROUP,
      leaseDurationMs: LEASE_MS,
      startProcess: (name) => anySdk(stage, name).process,
      violation: (text) => violations.push(text),
    });
    await group.add();
    await group.add();
    await readsOn(stage, group, violations);
    for (let round = 0; round < ROUNDS; round++) {
      const victim = random.pick(group.workers);
      if (round % 2 === 0) {
        group.kill(victim);
      } else {
        victim.process.machine.pause();
      }
      const leader = cluster.of("controller").find(({ state }) => state.controller?.node.isLeader === true);
      if (leader !== undefined) cluster.kill(leader);
      await group.add();
      await clock.sleep(random.between(LEASE_MS, LEASE_MS * 3));
      victim.process.machine.resume();
      if (leader !== undefined) cluster.start(leader);
      if (round === 2) await split(stage, stream);
      await readsOn(stage, group, violations);
    }
  },
};

function anySdk(stage: Stage, name: string): SimulatedSdk {
  const [gateway] = stage.cluster.of("gateway");
  return stage.sdk(name, gateway?.machine.name ?? "");
}

async function openShards(stage: Stage, stream: string): Promise<string[]> {
  let open: string[] = [];
  await until(stage, "shards are listed", async () => {
    try {
      const shards = await listShards(anySdk(stage, "lister"), stream);
      const isOpen = ({ SequenceNumberRange }: (typeof shards)[number]): boolean =>
        SequenceNumberRange.EndingSequenceNumber === undefined;
      open = shards.filter(isOpen).map(({ ShardId }) => ShardId);
      return true;
    } catch (error) {
      if (!(error instanceof SdkError)) throw error;
      return false; // no controller leads now
    }
  });
  return open;
}

/** Twice as many shards, and waits until they are there. */
async function split(stage: Stage, StreamName: string): Promise<void> {
  const before = await openShards(stage, StreamName);
  await until(stage, "the stream is split", async () => {
    const input = { StreamName, TargetShardCount: before.length * 2, ScalingType: "UNIFORM_SCALING" };
    try {
      await anySdk(stage, "splitter").call("UpdateShardCount", input);
    } catch (error) {
      if (!(error instanceof SdkError)) throw error; // it is being split already, or no controller leads now
    }
    return (await openShards(stage, StreamName)).length > before.length;
  });
}
