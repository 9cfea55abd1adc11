import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB, realWorld } from "@millrace/util";
import { expect, test } from "vitest";
import { openLogStore } from "./open-log-store.ts";

const WRITER = fileURLToPath(new URL("../testdata/writer-process.mjs", import.meta.url));
const ROUNDS = 12;
const GROUPS = [1, 2, 3, 4, 5];

/** Runs the writer until it has acknowledged `count` times, kills it, and returns what it had acknowledged. */
async function writeUntilKilled(directory: string, seed: number, count: number): Promise<Map<number, number>> {
  const writer = spawn(process.execPath, [WRITER, directory, String(seed)], { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged = new Map<number, number>();
  let lines = 0;
  let rest = "";
  await new Promise<void>((resolve, reject) => {
    writer.stdout.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        const [group, index] = part.split(" ").map(Number) as [number, number];
        acknowledged.set(group, Math.max(acknowledged.get(group) ?? 0, index));
        if (++lines === count) writer.kill("SIGKILL");
      }
    });
    writer.once("close", (_code, signal) =>
      signal === "SIGKILL" ? resolve() : reject(new Error(`the writer ended with ${signal}`)),
    );
  });
  return acknowledged;
}

test(`${ROUNDS} times kill -9 in the middle of writing: everything that was acknowledged is there, byte for byte`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-kill-"));
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      const acknowledged = await writeUntilKilled(directory, round, 40 * round);
      const store = await openLogStore(realWorld(), {
        directory,
        attributesOf: () => undefined,
        segmentSizeBytes: MIB,
        cacheSizeBytes: MIB,
        reservedFreeBytes: 0,
      });
      for (const groupId of GROUPS) {
        const lastIndex = store.summary(groupId)?.lastIndex ?? 0;
        expect(lastIndex).toBeGreaterThanOrEqual(acknowledged.get(groupId) ?? 0);
        for (let from = 1; from <= lastIndex;) {
          const entries = await store.read(groupId, from, lastIndex, { bytesMax: MIB });
          for (const { index, payload } of entries) {
            const expected = Buffer.alloc(20 + ((index * 37) % 3_000), `${groupId}/${index} `);
            if (!payload.equals(expected)) throw new Error(`entry ${index} of group ${groupId} has other bytes`);
          }
          from += entries.length;
        }
      }
      await store.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 60_000);
