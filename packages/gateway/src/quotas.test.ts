import { expect, test } from "vitest";
import { OPERATION_TABLE } from "./operations/table.ts";
import { OTHER_QUOTAS, QUOTAS_NOT_HELD, RATE_QUOTAS, RateQuotas, rateSubjectOf } from "./quotas.ts";

const caller = { accountId: "000000000000", region: "us-east-1" };
const subject = (input: object) => rateSubjectOf(input, caller);
const ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

test("an operation passes two seconds' worth at once and its rate from then on; others have their own", () => {
  const quotas = new RateQuotas();
  const take = (nowMs: number) => quotas.take("DescribeStream", subject({ StreamName: "s" }), nowMs);
  for (let i = 0; i < 20; i++) take(0);
  expect(() => take(0)).toThrow("Rate exceeded for account 000000000000.");
  expect(() => take(99)).toThrow();
  take(100);
  expect(() => take(101)).toThrow();
  quotas.take("DescribeStreamSummary", subject({ StreamName: "s" }), 101);
  quotas.take("DescribeStream", { ...subject({}), accountId: "111111111111" }, 101);
});

test("a stream's rate is one, however it is named, and a shard's is its own", () => {
  const quotas = new RateQuotas();
  const names = [
    { StreamARN: ARN },
    { ResourceARN: ARN },
    { ConsumerARN: `${ARN}/consumer/app:1` },
    { StreamName: "s" },
  ];
  for (let i = 0; i < 10; i++) quotas.take("ListStreamConsumers", subject(names[i % 4] ?? {}), 0);
  for (const name of names) {
    expect(() => quotas.take("ListStreamConsumers", subject(name), 0)).toThrow(
      "Rate exceeded for stream s under account 000000000000.",
    );
  }
  quotas.take("ListStreamConsumers", subject({ StreamName: "other" }), 0);
  const iterator = (ShardId: string) => quotas.take("GetShardIterator", subject({ StreamName: "s", ShardId }), 0);
  for (let i = 0; i < 10; i++) iterator("shardId-000000000000");
  expect(() => iterator("shardId-000000000000")).toThrow("Rate exceeded for shard shardId-000000000000 in stream s");
  iterator("shardId-000000000001");
});

test("what is counted is bounded, and every operation that is served has a rate or is of the data path", () => {
  const quotas = new RateQuotas();
  for (let i = 0; i < 20_000; i++) quotas.take("ListShards", subject({ StreamName: `s${i}` }), 0);
  const dataPath = [
    "PutRecord",
    "PutRecords",
    "GetRecords",
    "SubscribeToShard",
    "UpdateStreamRecordDistributionStrategy",
  ];
  const without = [...OPERATION_TABLE.keys()].filter((name) => RATE_QUOTAS[name] === undefined);
  expect(without.toSorted()).toEqual(dataPath.toSorted());
});

test("the guide to quotas says what the table says", async () => {
  const rates = Object.entries(RATE_QUOTAS).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    "# Quotas",
    "",
    "Where the cluster was first started with `--quotas aws` (the default) these hold, with `--quotas off` none does. Made from",
    "`packages/gateway/src/quotas.ts`; `vitest -u` writes it anew.",
    "",
    ...OTHER_QUOTAS.map(([what, limit, place]) => `- ${what}: ${limit} (\`packages/${place}\`)`),
    "",
    "These of Kinesis's never hold: a cluster is changed as often as its owner asks.",
    "",
    ...QUOTAS_NOT_HELD.map(([what, limit]) => `- ${what}: ${limit}`),
    "",
    "Calls a second, twice as many at once after some rest; each gateway counts for itself:",
    "",
    ...rates.map(([operation, { perSecond, of }]) => `- ${operation}: ${perSecond} of the ${of}`),
    "",
  ];
  await expect(lines.join("\n")).toMatchFileSnapshot("../../docs/quotas.md");
});
