import { closeSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@millrace/util";
import { eventually } from "../harness/cluster.ts";
import { type Fault, killAndWait } from "./fault.ts";
import { FRAIL_BROKER } from "./world.ts";

const FULL_FOR_MS = 6_000;
/** Less than what a broker keeps free, and more than it needs to go on with everything but data. */
const LEFT_BYTES = 64 * MIB;
const FLIPS = 20;

/** Only the frail broker's disk: each acknowledgement has a copy in another zone. */
export const DISK_FAULTS: readonly Fault[] = [
  {
    name: "fill a broker's disk",
    missing: ({ disk }) => (disk === undefined ? "no small disk can be mounted here" : undefined),
    run: async ({ disk }) => {
      const empty = disk?.fill(LEFT_BYTES);
      await sleep(FULL_FOR_MS);
      empty?.();
    },
  },
  {
    name: "lose a broker's folder",
    run: async ({ cluster }) => {
      const { pid } = cluster.node(FRAIL_BROKER);
      cluster.signal(FRAIL_BROKER, "SIGKILL");
      await eventually(() => cluster.node(FRAIL_BROKER).pid !== pid, 5_000);
      // A mount point stays; what is in it goes.
      const directory = join(cluster.dataDir, FRAIL_BROKER);
      for (const name of readdirSync(directory)) {
        if (name !== "lost+found") rmSync(join(directory, name), { recursive: true, force: true });
      }
      await eventually(() => cluster.node(FRAIL_BROKER).pid > 0, 20_000);
    },
  },
  {
    name: "flip bits in a broker's journal, and restart it",
    run: async ({ cluster }, pick) => {
      const journal = join(cluster.dataDir, FRAIL_BROKER, "broker", "journal");
      const files = readdirSync(journal).map((name) => join(journal, name));
      for (let left = FLIPS; left > 0; left--) flipBit(pick(files), pick);
      await killAndWait(cluster, [FRAIL_BROKER]);
    },
  },
];

const THOUSAND = Array.from({ length: 1_000 }, (_, index) => index);

/** Somewhere in the first nine tenths: what nothing follows cannot be told from what was never written. */
function flipBit(path: string, pick: <T>(from: readonly T[]) => T): void {
  const { size } = statSync(path);
  const at = Math.floor((size * 0.9 * (pick(THOUSAND) * 1_000 + pick(THOUSAND))) / 1e6);
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  if (readSync(file, byte, 0, 1, at) === 1) {
    byte[0] = (byte[0] ?? 0) ^ (1 << (at % 8));
    writeSync(file, byte, 0, 1, at);
  }
  closeSync(file);
}
