import { afterAll, beforeAll, expect, test } from "vitest";
import { callRaw, type RawAnswer } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode;

beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "s");
}, 30_000);
afterAll(() => node.destroy());

const call = (operation: string, input: unknown): Promise<RawAnswer> => callRaw(node.endpoint, operation, input);

test("what is no tag is none when the stream is created either, and then there is no stream", async () => {
  for (const Tags of [{ "a;b": "v" }, { a: "v,w" }, { "aws:a": "v" }, { "AWS:a": "v" }]) {
    const added = await call("AddTagsToStream", { StreamName: "s", Tags });
    const created = await call("CreateStream", { StreamName: "tagged", ShardCount: 1, Tags });
    expect(created.status).toBe(400);
    expect(created.body).toEqual(added.body);
  }
  expect((await call("DescribeStreamSummary", { StreamName: "tagged" })).error).toBe("ResourceNotFoundException");
});
