import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort } from "@millrace/util";
import { eventually, PROGRAM } from "./harness/cluster.ts";
import { callRaw } from "./harness/raw.ts";

const dataDir = mkdtempSync(join(tmpdir(), "millrace-roles-"));
const nodes: ChildProcess[] = [];

afterAll(async () => {
  await Promise.all(
    nodes.map(async (node) => {
      const exited = new Promise((resolve) => node.once("exit", resolve));
      if (node.exitCode === null && node.kill("SIGTERM")) await exited;
    }),
  );
  rmSync(dataDir, { recursive: true, force: true });
});

test("three processes with every role each are a replicated cluster, and any gateway of it serves", async () => {
  const zones = ["az-a", "az-b", "az-c"];
  const ports = await Promise.all(zones.map(async () => [await freePort(), await freePort()] as const));
  const controllers = ports.map(([controller], i) => `node-${i}=127.0.0.1:${controller}`).join(",");
  const endpoints = ports.map(([, gateway]) => `http://127.0.0.1:${gateway}`);
  for (const [i, az] of zones.entries()) {
    const node = spawn(
      process.execPath,
      [
        ...[PROGRAM, "start", "--role", "controller,broker,gateway", "--id", `node-${i}`, "--az", az],
        ...["--controllers", controllers, "--listen", `127.0.0.1:${ports[i]?.[1]}`, "--quotas", "off"],
        ...["--data-dir", join(dataDir, az)],
      ],
      { stdio: "ignore" },
    );
    nodes.push(node);
  }
  const [first = "", second = "", third = ""] = endpoints;
  await eventually(async () => {
    const answer = await callRaw(first, "CreateStream", { StreamName: "s", ShardCount: 3 }).catch(() => undefined);
    return answer?.status === 200 || answer?.error === "ResourceInUseException";
  }, 20_000);
  // A gateway may know of a change a moment later than another one.
  for (const endpoint of [second, third]) {
    await eventually(async () => {
      // It may not listen yet.
      const answer = await callRaw(endpoint, "DescribeStreamSummary", { StreamName: "s" }).catch(() => undefined);
      return (
        (answer?.body.StreamDescriptionSummary as { StreamStatus?: string } | undefined)?.StreamStatus === "ACTIVE"
      );
    }, 10_000);
  }
  const put = await callRaw(third, "PutRecord", { StreamName: "s", PartitionKey: "k", Data: "AA==" });
  expect(put.status).toBe(200);
  // Two of three go on without one.
  nodes[0]?.kill("SIGKILL");
  await eventually(async () => {
    const again = await callRaw(second, "PutRecord", { StreamName: "s", PartitionKey: "k", Data: "AA==" });
    return again.status === 200;
  }, 10_000);
}, 60_000);
