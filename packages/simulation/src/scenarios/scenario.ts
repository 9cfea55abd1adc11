/**
 * What chance does not bring about: lives whose faults come one after another as written, where one rule alone keeps a promise.
 * Everything is checked in them as in any life.
 */
import type { GroupHandle } from "@millrace/multiraft";
import { HOUR_MS } from "@millrace/util";
import type { SimulatedSdk } from "../clients/sdk.ts";
import type { ClusterNode } from "../cluster/cluster.ts";
import { type LifeOptions, type LifeResult, type LifeSettings, runLife } from "../life.ts";
import type { Stage } from "../stage.ts";

export interface Scenario {
  readonly name: string;
  /** The question that it answers. */
  readonly asks: string;
  /** Clusters that differ, in which it is played. */
  readonly seeds: readonly string[];
  readonly settings?: LifeSettings;
  readonly repeatsAtEnd?: boolean;
  readonly play: (stage: Stage) => Promise<void>;
}

export function playScenario(
  { settings, repeatsAtEnd = false, play }: Scenario,
  seed: string,
  options: Pick<LifeOptions, "log" | "endsAtViolation"> = {},
): LifeResult {
  return runLife({
    ...options,
    seed: `scenario ${seed}`,
    durationMs: 0,
    operators: false,
    // What a script waits for does not expire, and nobody is taken for lost whom it has cut off.
    settings: { hourMs: HOUR_MS, replaceBrokerAfterS: 3_600, ...settings },
    repeatsAtEnd,
    script: play,
  });
}

/** Cuts these off from those, both ways. @returns what mends it */
export function cut(stage: Stage, ones: readonly ClusterNode[], twos: readonly ClusterNode[]): () => void {
  const { network } = stage.cluster;
  const links = ones.flatMap(({ machine: one }) =>
    twos.flatMap(({ machine: two }) => [network.link(one.name, two.name), network.link(two.name, one.name)]),
  );
  for (const link of links) link.block();
  return () => {
    for (const link of links) link.unblock();
  };
}

/** Looks again and again, for half a minute. */
export async function until(
  stage: Stage,
  what: string,
  isSo: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<void> {
  for (let leftMs = 30_000; leftMs > 0; leftMs -= everyMs) {
    if (await isSo()) return;
    await stage.clock.sleep(everyMs);
  }
  throw new Error(`it does not come to this: ${what}`);
}

/** Doubles the shards of every stream, or merges them two by two, and waits until all is done. */
export async function reshard(stage: Stage, factor: 2 | 0.5 = 2): Promise<void> {
  const { cluster, streams, clock } = stage;
  // A client of one name draws one sequence of invocation ids: a second one's requests would be repetitions of the first one's.
  const sdk = stage.sdk(`splitter at ${clock.monotonicMs()}`, (cluster.of("gateway")[0] as ClusterNode).machine.name);
  for (const StreamName of streams) {
    const { OpenShardCount } = await summaryOf(sdk, StreamName);
    const TargetShardCount = OpenShardCount * factor;
    await sdk.call("UpdateShardCount", { StreamName, TargetShardCount, ScalingType: "UNIFORM_SCALING" });
    await until(stage, "the stream has as many shards", async () => {
      const now = await summaryOf(sdk, StreamName);
      return now.OpenShardCount === TargetShardCount && now.StreamStatus === "ACTIVE";
    });
  }
}

interface Summary {
  readonly OpenShardCount: number;
  readonly StreamStatus: string;
}

async function summaryOf(sdk: SimulatedSdk, StreamName: string): Promise<Summary> {
  const output = await sdk.call<{ StreamDescriptionSummary: Summary }>("DescribeStreamSummary", { StreamName });
  return output.StreamDescriptionSummary;
}

/** A shard's group as a broker has it; undefined when it has no part in it. */
export function groupAt({ state }: ClusterNode, groupId: number): GroupHandle | undefined {
  return [...(state.broker?.node.allShards() ?? [])].find((shard) => shard.groupId === groupId)?.group;
}

/** Whether it is a name that this broker has, or had on an earlier disk. */
export function isAt(nodeId: string, { machine }: ClusterNode): boolean {
  return nodeId.startsWith(`${machine.name}/`);
}

export function hosts(node: ClusterNode, groupId: number): boolean {
  return groupAt(node, groupId) !== undefined;
}

export interface Cast {
  readonly groupId: number;
  readonly leader: ClusterNode;
  /** Of two other zones. */
  readonly followers: readonly [ClusterNode, ClusterNode];
  /** The other broker of the first follower's zone. */
  readonly stranger: ClusterNode;
}

/** One shard, and who has what part in it. There are two brokers in each zone. */
export async function cast(stage: Stage): Promise<Cast> {
  let found: Cast | undefined;
  await until(stage, "a shard has a leader and two followers", () => (found = castNow(stage)) !== undefined);
  return found as Cast;
}

function castNow({ cluster }: Stage): Cast | undefined {
  const brokers = cluster.of("broker");
  for (const leader of brokers) {
    const led = [...(leader.state.broker?.node.allShards() ?? [])].find(({ group }) => group.role === "leader");
    if (led === undefined) continue;
    const { groupId } = led;
    const [first, second] = brokers.filter((node) => node !== leader && hosts(node, groupId));
    const stranger = brokers.find((node) => node !== first && node.machine.az === first?.machine.az);
    if (first === undefined || second === undefined || stranger === undefined) continue;
    return { groupId, leader, followers: [first, second], stranger };
  }
  return undefined;
}
