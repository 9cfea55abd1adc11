import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { replay, TranscriptCluster } from "./testing/transcript.ts";

const directory = fileURLToPath(new URL("../testdata/", import.meta.url));

test.each(readdirSync(directory).filter((name) => name.endsWith(".txt")))("%s", async (name) => {
  const cluster = new TranscriptCluster();
  const told = replay(readFileSync(directory + name, "utf8"), (command) => cluster.run(command));
  // `vitest -u` rewrites it, and the difference is what gets reviewed.
  await expect(told).toMatchFileSnapshot(directory + name);
});
