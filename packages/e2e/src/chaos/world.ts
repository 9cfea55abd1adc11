import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import { LocalCluster } from "../harness/cluster.ts";
import { SmallDisk } from "../harness/small-disk.ts";
import { ZoneNetworks } from "../harness/zone-networks.ts";

/** The broker whose disk is a small one, where such a disk can be had. Its zone is the one that loses disks and bits. */
export const FRAIL_BROKER = "broker-3";

/** A real cluster, and what of its surroundings this machine lets us break. */
export interface ChaosWorld {
  readonly cluster: LocalCluster;
  readonly client: KinesisClient;
  readonly stream: string;
  readonly networks: ZoneNetworks | undefined;
  readonly disk: SmallDisk | undefined;
}

/** @returns the world, and what tears it down */
export async function makeWorld(stream: string): Promise<{ world: ChaosWorld; destroy: () => Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), "millrace-chaos-"));
  const networks = ZoneNetworks.create();
  const disk = SmallDisk.mount(join(dataDir, FRAIL_BROKER));
  let cluster: LocalCluster | undefined;
  const destroy = async (): Promise<void> => {
    await cluster?.stop();
    disk?.unmount();
    networks?.destroy();
    await cluster?.destroy();
  };
  try {
    const inNetworks = networks === undefined ? [] : ["--zone-networks", networks.writeFile(dataDir)];
    cluster = await LocalCluster.startIn(dataDir, "--quotas", "off", ...inNetworks);
    return { world: { cluster, client: cluster.client(), stream, networks, disk }, destroy };
  } catch (error) {
    await destroy();
    throw error;
  }
}
