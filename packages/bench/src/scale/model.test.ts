import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Controller } from "@millrace/proto";
import { expect, test } from "vitest";
import { type ClusterSize, heartbeatOf, updateOf } from "./cluster.ts";
import { MEASURED } from "./measured.ts";
import { model, tableOf } from "./model.ts";

const LARGE: ClusterSize = { brokers: 100, shards: 100_000, shardsPerStream: 100 };
const DOCS = fileURLToPath(new URL("../../../docs/scale.md", import.meta.url));

test("the table in packages/docs/scale.md is the model's", () => {
  expect(readFileSync(DOCS, "utf8")).toContain(tableOf(model({ ...LARGE, gateways: 20 }, MEASURED)));
});

test("sizes are those of today's protocol", () => {
  const { Heartbeat, Watch } = Controller.service;
  const near = (bytes: number, measured: number): void => {
    expect(bytes / measured).toBeGreaterThan(0.95);
    expect(bytes / measured).toBeLessThan(1.05);
  };
  near(Heartbeat.requestSerialize(heartbeatOf(LARGE)).length, MEASURED.heartbeatBytes);
  // A hundredth of it is enough: metadata grows with the shards.
  const small = updateOf({ ...LARGE, shards: LARGE.shards / 100 }, 1);
  near(Watch.responseSerialize({ ...small, brokers: [] }).length * 100, MEASURED.metadataBytes);
});

test("half the cluster has half of what grows with it", () => {
  const figure = (shards: number, what: string): string | undefined =>
    model({ ...LARGE, shards, gateways: 20 }, MEASURED).find((row) => row.what.startsWith(what))?.figure;
  expect(figure(100_000, "Replicas on a broker")).toBe("3,000, 1,000");
  expect(figure(50_000, "Replicas on a broker")).toBe("1,500, 500");
  expect(figure(100_000, "Links of a broker")).toBe("67");
  expect(figure(50_000, "Links of a broker")).toBe("67");
});
