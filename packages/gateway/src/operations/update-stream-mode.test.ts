import { expect, test } from "vitest";
import { Served, streamOfShards } from "../testing/served.ts";

const PASSED = { message: "nobody is asked" };

/** What becomes of the change of `changed`'s mode, beside other streams. */
async function outcome(served: Served, StreamMode: "PROVISIONED" | "ON_DEMAND"): Promise<unknown> {
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/changed";
  const answer = served.call("UpdateStreamMode", { StreamARN, StreamModeDetails: { StreamMode } });
  return answer.catch((error: unknown) => error);
}

test("the shards of a stream that becomes provisioned are within the account's quota, closed ones aside", async () => {
  const beside = (shardCount: number, quotas: "aws" | "off" = "aws"): Served => {
    const changed = streamOfShards("changed", 5, { streamId: 2, mode: "ON_DEMAND" });
    const shards = changed.shards.map((shard) => (shard.number === 0 ? { ...shard, closedAtS: 1_700_000_100 } : shard));
    return new Served([streamOfShards("other", shardCount), { ...changed, shards }], { quotas });
  };
  expect(await outcome(beside(496), "PROVISIONED")).toMatchObject(PASSED);
  expect(await outcome(beside(497), "PROVISIONED")).toMatchObject({
    awsName: "LimitExceededException",
    message: expect.stringMatching(
      /Current shard count for the account: 497\. Limit: 500\. .* this request: 4\./,
    ) as string,
  });
  expect(await outcome(beside(497), "ON_DEMAND")).toMatchObject(PASSED);
  expect(await outcome(beside(497, "off"), "PROVISIONED")).toMatchObject(PASSED);
});

test("a stream that becomes on-demand is one of fifty", async () => {
  const beside = (count: number, mode: "PROVISIONED" | "ON_DEMAND", quotas: "aws" | "off" = "aws"): Served => {
    const others = Array.from({ length: count }, (_, i) =>
      streamOfShards(`s${i}`, 1, { streamId: 10 + i, mode: "ON_DEMAND" }),
    );
    return new Served([...others, streamOfShards("changed", 1, { mode })], { quotas });
  };
  expect(await outcome(beside(49, "PROVISIONED"), "ON_DEMAND")).toMatchObject(PASSED);
  expect(await outcome(beside(50, "PROVISIONED"), "ON_DEMAND")).toMatchObject({ awsName: "LimitExceededException" });
  expect(await outcome(beside(49, "ON_DEMAND"), "ON_DEMAND")).toMatchObject(PASSED);
  expect(await outcome(beside(50, "ON_DEMAND"), "ON_DEMAND")).toMatchObject(PASSED);
  expect(await outcome(beside(50, "PROVISIONED", "off"), "ON_DEMAND")).toMatchObject(PASSED);
});
