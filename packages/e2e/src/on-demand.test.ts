import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { callRaw } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode;
beforeAll(async () => {
  node = await SingleNode.start("--memory", "--streams", "busy:on-demand");
}, 30_000);
afterAll(() => node.destroy());

test("an on-demand stream that is written to more than its shards are planned for gets more of them, and no put fails", async () => {
  const openShards = async (): Promise<number> => {
    const { body } = await callRaw(node.endpoint, "ListShards", {
      ...{ StreamName: "busy", ShardFilter: { Type: "AT_LATEST" } },
    });
    return (body.Shards as unknown[]).length;
  };
  expect(await openShards()).toBe(4);
  let isOver = false;
  let failed = 0;
  let puts = 0;
  const Records = Array.from({ length: 500 }, (_, i) => ({
    PartitionKey: `k${i}`,
    Data: "AA==",
    ExplicitHashKey: "7",
  }));
  const writing = (async () => {
    while (!isOver) {
      const { status, body } = await callRaw(node.endpoint, "PutRecords", { StreamName: "busy", Records });
      puts++;
      if (status !== 200 || body.FailedRecordCount !== 0) failed++;
    }
  })();
  try {
    await eventually(
      async () => (await openShards()) > 5,
      30_000,
      () => `${puts} puts`,
    );
  } finally {
    isOver = true;
    await writing;
  }
  expect(failed).toBe(0);
}, 60_000);
