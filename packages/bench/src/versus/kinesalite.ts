import { LocalCluster } from "@millrace/e2e";
import { startKinesalite } from "../peers/kinesalite.ts";
import type { Figure } from "../report.ts";
import { endpointOf } from "../run.ts";
import { putThroughput, type PutShape } from "../workloads/put-throughput.ts";
import { Samples } from "./samples.ts";

const OURS = "Millrace, three copies, synced";
const THEIRS = "kinesalite, one copy, not synced";
const SHAPES: readonly PutShape[] = [
  { count: 500, sizeBytes: 1_024 },
  { count: 500, sizeBytes: 100 },
];

/** Millrace and the emulator on this machine, in turns, through the same SDK. */
export async function runKinesalite(
  rounds: number,
  seconds: number,
  progress: (what: string) => void,
): Promise<Figure[]> {
  const peer = await startKinesalite();
  const cluster = await LocalCluster.start("--quotas", "off");
  const ours = endpointOf(cluster);
  const measured = new Samples();
  try {
    for (const shape of SHAPES) {
      const workload = `PutRecords ${shape.count} x ${shape.sizeBytes} B (SDK)`;
      for (let round = 1; round <= rounds; round++) {
        progress(`${workload}, round ${round}`);
        const load = { seconds, inFlight: 8, name: `round-${round}` };
        for (const [who, endpoint] of [
          [OURS, ours],
          [THEIRS, peer],
        ] as const) {
          const found = await putThroughput(endpoint, shape, "SDK", load);
          measured.add(workload, who, found.find(({ figure }) => figure === "throughput")?.value ?? 0, "MB/s");
        }
      }
    }
    return measured.figures(OURS);
  } finally {
    await cluster.destroy();
    await peer.stop();
  }
}
