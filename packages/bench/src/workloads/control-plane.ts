import { ClusterMetadata } from "@millrace/client";
import { type Broker, Controller, type MetadataUpdate__Output } from "@millrace/proto";
import { realWorld } from "@millrace/util";
import type { Figure } from "../report.ts";
import { type ClusterSize, heartbeatOf, updateOf } from "../scale/cluster.ts";

const CLUSTER: ClusterSize = { brokers: 100, shards: 100_000, shardsPerStream: 100 };
const REPETITIONS = 5;
const { Heartbeat, Watch } = Controller.service;

/** What metadata and heartbeats cost at a size that one machine cannot run: `packages/docs/scale.md` counts with it. */
export function controlPlane(): Figure[] {
  const workload = `Control plane of ${CLUSTER.brokers} brokers and ${CLUSTER.shards} shards`;
  const figures: Figure[] = [];
  const add = (figure: string, value: number, unit: string): void => {
    figures.push({ workload, figure, value, unit });
  };
  const heartbeat = heartbeatOf(CLUSTER);
  const beat = Heartbeat.requestSerialize(heartbeat);
  add("a broker's heartbeat", beat.length, "B");
  add(
    "… written",
    best(() => Heartbeat.requestSerialize(heartbeat)),
    "ms",
  );
  add(
    "… read",
    best(() => Heartbeat.requestDeserialize(beat)),
    "ms",
  );

  const everything = updateOf(CLUSTER, 1);
  const bytes = Watch.responseSerialize(everything);
  add("all metadata", bytes.length / 1e6, "MB");
  add("… a shard", bytes.length / CLUSTER.shards, "B");
  add(
    "… written",
    best(() => Watch.responseSerialize(everything)),
    "ms",
  );
  add(
    "… read",
    best(() => Watch.responseDeserialize(bytes)),
    "ms",
  );
  const { clock } = realWorld();
  add(
    "… taken in",
    best(() => new ClusterMetadata({ clock }).apply(everything)),
    "ms",
  );

  const metadata = new ClusterMetadata({ clock });
  metadata.apply(everything);
  const delta = deltaOf(everything, everything.brokers);
  const deltaBytes = Watch.responseSerialize(delta);
  add("a stream of 100 shards, and all brokers", deltaBytes.length / 1e3, "kB");
  let version = 1;
  const change = (): unknown =>
    metadata.apply({ ...(Watch.responseDeserialize(deltaBytes) as MetadataUpdate__Output), version: ++version });
  add("… read and taken in", best(change), "ms");
  return figures;
}

function deltaOf({ streams }: MetadataUpdate__Output, brokers: Broker[]): MetadataUpdate__Output {
  const changed = { version: 2, full: false, streams: streams.slice(0, 1), removedStreamIds: [] };
  return { ...changed, brokers, brokersChanged: true, cluster: null };
}

/** Milliseconds. The best of some: whatever else runs here is not the question. */
function best(run: () => unknown): number {
  const times = Array.from({ length: REPETITIONS }, () => {
    const startedAt = performance.now();
    run();
    return performance.now() - startedAt;
  });
  return Math.min(...times);
}
