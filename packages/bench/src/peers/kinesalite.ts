import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KinesisClient, ListStreamsCommand } from "@aws-sdk/client-kinesis";
import { freePort } from "@millrace/util";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Endpoint } from "../workloads/put-throughput.ts";

const VERSION = "3.3.3";
const START_WITHIN_MS = 10_000;

export interface Peer extends Endpoint {
  stop(): Promise<void>;
}

/**
 * The emulator, with its data on disk as LevelDB writes it: one copy, not synced. Installed into a folder of its own, for it is none
 * of our dependencies. @throws Error when it cannot be had
 */
export async function startKinesalite(): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-kinesalite-"));
  const install = ["install", "--prefix", directory, "--no-audit", "--no-fund", `kinesalite@${VERSION}`];
  execFileSync("npm", install, { stdio: "ignore" });
  const port = await freePort();
  const program = join(directory, "node_modules/kinesalite/cli.js");
  const options = [
    "--port",
    String(port),
    "--path",
    join(directory, "db"),
    "--createStreamMs",
    "50",
    "--shardLimit",
    "100",
  ];
  const child = spawn(process.execPath, [program, ...options], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // It speaks HTTP/1.1 only.
  const client = (): KinesisClient =>
    new KinesisClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      credentials: { accessKeyId: "any", secretAccessKey: "any" },
      requestHandler: new NodeHttpHandler(),
    });
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    try {
      await client().send(new ListStreamsCommand({}));
      break;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    port,
    client,
    pids: () => [child.pid as number],
    stop: async () => {
      child.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
