import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, LocalCluster, PROGRAM } from "./harness/cluster.ts";
import { createStream, readShard } from "@millrace/verifier";

const run = promisify(execFile);
let directory: string;
let certificates: string;
let cluster: LocalCluster;
let client: KinesisClient;

const millrace = (...rest: string[]): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, [PROGRAM, ...rest]);
const certs = (...rest: string[]): Promise<unknown> => millrace("certs", "--out", certificates, ...rest);
const shown = (folder: string): string[] => [
  ...["--peer-ca", join(folder, "ca.crt")],
  ...["--peer-certificate", join(folder, "tls.crt"), "--peer-key", join(folder, "tls.key")],
];
const controllers = (): string =>
  cluster
    .nodes()
    .filter(({ role }) => role === "controller")
    .map(({ address }) => address)
    .join(",");
const elsewhere = (): string[] => ["--data-dir", join(directory, "nothing"), "--controllers", controllers()];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-peer-tls-"));
  certificates = join(directory, "certs");
  await certs();
  cluster = await LocalCluster.start(...shown(join(certificates, "node")));
  client = cluster.client();
  await createStream(client, "orders", 1);
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
  rmSync(directory, { recursive: true });
});

const acknowledged: string[] = [];

async function put(): Promise<void> {
  const text = `record ${acknowledged.length}`;
  await client.send(new PutRecordCommand({ StreamName: "orders", PartitionKey: "k", Data: Buffer.from(text) }));
  acknowledged.push(text);
}

test("S06: a cluster whose nodes know each other by certificates; the local status finds them itself", async () => {
  await put();
  const status = await cluster.status();
  expect(status.nodes.map(({ state }) => state)).toEqual(status.nodes.map(() => "up"));
  expect(status.underReplicatedShards).toBe(0);
  for (const { id } of cluster.nodes()) {
    expect(readFileSync(join(cluster.dataDir, "logs", `${id}.log`), "utf8")).not.toContain("NO TLS");
  }
}, 60_000);

test("S: operators need a certificate of the cluster's own authority", async () => {
  const foreign = join(directory, "foreign");
  await millrace("certs", "--out", foreign);
  await expect(millrace("broker", "undrain", "broker-1", ...elsewhere())).rejects.toThrow(
    "give an operator's --peer-ca",
  );
  await expect(
    millrace("broker", "undrain", "broker-1", ...elsewhere(), ...shown(join(foreign, "operator"))),
  ).rejects.toThrow("not the certificate of an authority in --peer-ca");
  const own = shown(join(certificates, "operator"));
  const { stdout } = await millrace("broker", "undrain", "broker-1", ...elsewhere(), ...own);
  expect(stdout).toContain("broker-1 takes replicas again");
  const logs = cluster.nodes().map(({ id }) => readFileSync(join(cluster.dataDir, "logs", `${id}.log`), "utf8"));
  const audit = logs
    .join("")
    .split("\n")
    .find((line) => line.includes('"setBrokerState"') && line.includes('"log":"audit"'));
  expect(JSON.parse(audit ?? "{}")).toMatchObject({ who: "operator", outcome: "ok", subject: "broker-1" });
}, 60_000);

test.each(["foreign/node", "certs/operator"])(
  "S06: a broker with the certificate %s does not join",
  async (whose) => {
    const named = cluster.nodes().filter(({ role }) => role === "controller");
    const child: ChildProcess = spawn(
      process.execPath,
      [
        ...[PROGRAM, "start", "--role", "broker", "--id", "broker-9", "--az", "az-a"],
        ...["--data-dir", join(directory, whose.replace("/", "-")), "--controllers"],
        ...[named.map(({ id, address }) => `${id}=${address}`).join(","), ...shown(join(directory, whose))],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const exited = new Promise((resolve) => child.once("exit", resolve));
    try {
      await eventually(
        () => /waiting for the controllers|no node's/.test(log),
        20_000,
        () => log,
      );
      expect((await cluster.status()).nodes.map(({ id }) => id)).not.toContain("broker-9");
      expect(log).not.toContain("broker started");
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  },
  60_000,
);

async function takenUp(times: number): Promise<void> {
  const count = (id: string): number =>
    readFileSync(join(cluster.dataDir, "logs", `${id}.log`), "utf8").split("certificate read again").length - 1;
  await eventually(() => cluster.nodes().every(({ id }) => count(id) >= times), 20_000);
}

test("S06: certificates and their authority are replaced under load, without a restart or a failed put", async () => {
  const old = join(directory, "old");
  await run("cp", ["-r", certificates, old]);
  let isOver = false;
  const load = (async () => {
    while (!isOver) await put();
  })();
  await certs("--authority", "add");
  await takenUp(1);
  await certs();
  await takenUp(2);
  await certs("--authority", "drop");
  await takenUp(3);
  // Connections that stand go on; new ones are made with what is new, on both sides.
  cluster.signal("broker-1", "SIGKILL");
  await eventually(() => cluster.node("broker-1").pid > 0, 20_000);
  await cluster.healthy();
  isOver = true;
  await load;
  await expect(
    millrace("broker", "undrain", "broker-1", ...elsewhere(), ...shown(join(old, "operator"))),
  ).rejects.toThrow("not the certificate of an authority in --peer-ca");
  const stored = await readShard(client, "orders", "shardId-000000000000");
  expect(stored.map(({ id }) => id)).toEqual(acknowledged);
}, 120_000);

test("S06: half a pair is not taken up, and the last good one stays", async () => {
  copyFileSync(join(directory, "old", "node", "tls.crt"), join(certificates, "node", "tls.crt"));
  const log = (): string => readFileSync(join(cluster.dataDir, "logs", "broker-2.log"), "utf8");
  await eventually(() => log().includes("the last good one stays"), 20_000);
  await put();
  const operator = shown(join(certificates, "operator"));
  const { stdout } = await millrace("status", "--json", "--data-dir", cluster.dataDir, ...operator);
  expect(JSON.parse(stdout)).toMatchObject({ underReplicatedShards: 0, streams: 1 });
}, 60_000);
