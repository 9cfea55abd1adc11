import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterMetadata } from "@millrace/client";
import { realWorld, silentLogger } from "@millrace/util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadMetadata } from "./metadata-file.ts";
import { MetadataSaver } from "./metadata-saver.ts";

const world = realWorld();
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "millrace-saver-"));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function metadataOf(version: number): ClusterMetadata {
  const metadata = new ClusterMetadata({ clock: world.clock });
  learn(metadata, version);
  return metadata;
}

function learn(metadata: ClusterMetadata, version: number): void {
  const cluster = {
    clusterId: "c",
    tokenKey: Buffer.alloc(32),
    createdAtMs: "0",
    restoredGroupIdMax: 0,
    settings: null,
  };
  metadata.apply({
    version,
    full: true,
    streams: [],
    removedStreamIds: [],
    brokers: [],
    brokersChanged: true,
    cluster,
  });
}

test("what is not saved yet is saved by the closing", async () => {
  const metadata = metadataOf(7);
  const saver = new MetadataSaver({ world, logger: silentLogger, dataDir, metadata });
  saver.soon();
  await saver.close();
  expect((await loadMetadata(world.disk, dataDir))?.version).toBe(7);
});

test("what came while an older state was being saved is saved by the closing", async () => {
  const metadata = metadataOf(7);
  const saver = new MetadataSaver({ world, logger: silentLogger, dataDir, metadata });
  saver.soon();
  // Until the first saving has begun, and perhaps ended.
  await world.clock.sleep(510);
  learn(metadata, 8);
  saver.soon();
  await saver.close();
  expect((await loadMetadata(world.disk, dataDir))?.version).toBe(8);
});

test("nothing is written when nothing has changed", async () => {
  await new MetadataSaver({ world, logger: silentLogger, dataDir, metadata: metadataOf(7) }).close();
  expect(await loadMetadata(world.disk, dataDir)).toBeUndefined();
});

test("D23 a damaged file is none, whatever its damage", async () => {
  const saver = new MetadataSaver({ world, logger: silentLogger, dataDir, metadata: metadataOf(7) });
  saver.soon();
  await saver.close();
  const path = join(dataDir, "metadata.bin");
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    const turned = Buffer.from(whole);
    turned.writeUInt8(turned.readUInt8(at) ^ 0x10, at);
    writeFileSync(path, turned);
    expect(await loadMetadata(world.disk, dataDir), `byte ${at}`).toBeUndefined();
    writeFileSync(path, whole);
    truncateSync(path, at);
    expect(await loadMetadata(world.disk, dataDir), `${at} bytes`).toBeUndefined();
  }
});

test("the file of a broker without checksums is read, and gives way to one with", async () => {
  const former = join(dataDir, "metadata.pb");
  const saver = new MetadataSaver({ world, logger: silentLogger, dataDir, metadata: metadataOf(7) });
  saver.soon();
  writeFileSync(former, Buffer.from([0x08, 0x05]));
  expect((await loadMetadata(world.disk, dataDir))?.version).toBe(5);
  await saver.close();
  expect((await loadMetadata(world.disk, dataDir))?.version).toBe(7);
  expect(existsSync(former)).toBe(false);
});
