import { randomBytes } from "node:crypto";
import { PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { createStream } from "@millrace/verifier";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "../harness/cluster.ts";
import { diskMib, memoryOf, SHARE, tell } from "./usage.ts";

const MEGABYTES = Math.round(4_000 * SHARE);
const RECORDS_PER_PUT = 100;
const RECORD_SIZE_BYTES = 10_000;
const WRITERS = 4;
const READY_WITHIN_MS = 30_000;
const RESIDENT_MIB_MAX = 512;
const BROKER = "broker-2";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

/** SIGKILL, and until it serves again with every replica caught up. */
async function restart(): Promise<{ readonly readyMs: number; readonly peakMib: number }> {
  const { pid } = cluster.node(BROKER);
  const startedAt = performance.now();
  cluster.signal(BROKER, "SIGKILL");
  await eventually(() => ![0, pid].includes(cluster.node(BROKER).pid), 15_000);
  await cluster.healthy(120_000);
  return { readyMs: Math.round(performance.now() - startedAt), peakMib: memoryOf(cluster.node(BROKER).pid).peakMib };
}

test("O17: a broker with gigabytes is killed and starts: soon, and with no more memory than an empty one", async () => {
  const client = cluster.client();
  await createStream(client, "s", 4);
  const empty = await restart();
  const Records = Array.from({ length: RECORDS_PER_PUT }, () => ({
    PartitionKey: randomBytes(8).toString("hex"),
    Data: randomBytes(RECORD_SIZE_BYTES),
  }));
  let left = (MEGABYTES * 1e6) / (RECORDS_PER_PUT * RECORD_SIZE_BYTES);
  const fill = async (): Promise<void> => {
    while (left-- > 0) await client.send(new PutRecordsCommand({ StreamName: "s", Records }));
  };
  await Promise.all(Array.from({ length: WRITERS }, fill));
  const full = await restart();
  tell("O17", { megabytes: MEGABYTES, empty, full, diskMib: diskMib(cluster.dataDir) });
  expect(full.readyMs).toBeLessThan(READY_WITHIN_MS);
  expect(full.peakMib).toBeLessThan(RESIDENT_MIB_MAX);
}, 1_800_000);
