import { randomInt } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import { createStream, Ledger } from "@millrace/verifier";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster } from "./harness/cluster.ts";

const NODES = ["controller-1", "broker-1", "controller-2", "broker-2", "controller-3", "broker-3"];
const ROUNDS = Number(process.env["MILLRACE_DAMAGE_ROUNDS"] ?? "1");

type Damage = readonly [name: string, harm: (path: string, sizeBytes: number) => void];

const DAMAGES: readonly Damage[] = [
  ["emptied", (path) => truncateSync(path, 0)],
  ["one byte long", (path) => writeFileSync(path, "x")],
  ["cut", (path, sizeBytes) => truncateSync(path, randomInt(sizeBytes + 1))],
  ["removed", (path) => rmSync(path)],
  ["turned in places", turnBytes],
  ["zeroed", (path, sizeBytes) => writeFileSync(path, Buffer.alloc(sizeBytes))],
  ["longer than it was", (path) => writeFileSync(path, Buffer.alloc(100, 0xa5), { flag: "a" })],
];

function turnBytes(path: string, sizeBytes: number): void {
  const bytes = readFileSync(path);
  for (let left = 8; left > 0 && sizeBytes > 0; left--) bytes[randomInt(sizeBytes)] = randomInt(256);
  writeFileSync(path, bytes);
}

/** All but the one that says whose the others are: without it a node asks for a hand. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== "identity.json");
  return files.map((entry) => join(entry.parentPath, entry.name));
}

/** Anything when there are many rounds, and about the same ones in every short run. */
function pick<T>(from: readonly T[], step: number): T {
  return from[ROUNDS > 1 ? randomInt(from.length) : (step * 5 + 1) % from.length] as T;
}

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start("--quotas", "off");
});

afterAll(async () => {
  await cluster.destroy();
});

test(
  "D23: each node is killed in turn and a file of it damaged: it comes back, and nothing is lost",
  async () => {
    const client = cluster.client({ maxAttempts: 10 });
    await createStream(client, "s", 4);
    const ledger = new Ledger("s");
    const stop = new AbortController();
    const writers = ["a", "b"].map((name) => ledger.write(cluster.client({ maxAttempts: 10 }), name, 20, stop.signal));
    const history: string[] = [];
    try {
      for (const [step, id] of Array.from({ length: ROUNDS }, () => NODES)
        .flat()
        .entries()) {
        const { pid } = cluster.node(id);
        cluster.signal(id, "SIGSTOP");
        const path = pick(filesIn(join(cluster.dataDir, id)).toSorted(), step);
        const [name, harm] = pick(DAMAGES, step);
        history.push(`${path.slice(cluster.dataDir.length)} ${name}`);
        if (ROUNDS > 1) console.log(new Date().toISOString(), history.at(-1));
        cluster.signal(id, "SIGKILL");
        harm(path, statSync(path).size);
        await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
        await cluster.healthy(60_000);
      }
    } catch (error) {
      throw new Error(`after: ${history.join(", ")}`, { cause: error });
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
    expect((await ledger.verify(client)).slice(0, 10), history.join(", ")).toEqual([]);
  },
  180_000 * ROUNDS,
);

test("D06: a closed segment with thousands of entries is gone: they are fetched again, many at once", async () => {
  const client = cluster.client({ maxAttempts: 10 });
  await createStream(client, "many", 4);
  const Data = Buffer.from("x");
  const put = async (writer: number): Promise<void> => {
    for (let n = 0; n < 150; n++) {
      await client.send(new PutRecordCommand({ StreamName: "many", PartitionKey: `${writer} ${n}`, Data }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, writer) => put(writer)));
  const id = "broker-2";
  const restart = async (harm: () => void): Promise<void> => {
    const { pid } = cluster.node(id);
    cluster.signal(id, "SIGKILL");
    harm();
    await eventually(() => ![0, pid].includes(cluster.node(id).pid), 15_000);
  };
  // Of what is written from here on nothing is in the segment that all of this is in.
  await restart(() => undefined);
  await cluster.healthy(60_000);
  const sizeOf = (path: string): number => statSync(path).size;
  const segments = filesIn(join(cluster.dataDir, id, "broker", "journal"));
  const largest = segments.toSorted((one, other) => sizeOf(other) - sizeOf(one))[0] as string;
  await restart(() => writeFileSync(largest, "x"));
  await cluster.healthy(40_000);
}, 180_000);
