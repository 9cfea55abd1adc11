import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./harness/cluster.ts";
import { callRaw, type RawAnswer } from "./harness/raw.ts";
import { SingleNode } from "./harness/single.ts";

let node: SingleNode;
beforeAll(async () => {
  node = await SingleNode.start("--memory", "--quotas", "off", "--streams", "s");
}, 30_000);
afterAll(() => node.destroy());

const call = (operation: string, input: object, region = "us-east-1"): Promise<RawAnswer> =>
  callRaw(node.endpoint, operation, input, { region });

const arn = (partition: string, region: string): string => `arn:${partition}:kinesis:${region}:000000000000:stream/s`;
const OWN = arn("aws", "us-east-1");

async function registered(name: string): Promise<string> {
  const { body } = await call("RegisterStreamConsumer", { StreamARN: OWN, ConsumerName: name });
  return (body.Consumer as { ConsumerARN: string }).ConsumerARN;
}

test("an ARN names a stream in its own region and partition only, for every operation", async () => {
  const put = { PartitionKey: "k", Data: "AA==" };
  const iterator = { ShardId: "shardId-000000000000", ShardIteratorType: "LATEST" };
  const operations: readonly (readonly [name: string, input: object])[] = [
    ["PutRecord", put],
    ["PutRecords", { Records: [put] }],
    ["GetShardIterator", iterator],
    ["ListShards", {}],
    ["DescribeStream", {}],
    ["DescribeStreamSummary", {}],
    ["ListStreamConsumers", {}],
    ["AddTagsToStream", { Tags: { a: "b" } }],
    ["SplitShard", { ShardToSplit: "0", NewStartingHashKey: "5" }],
    ["DeleteStream", {}],
  ];
  for (const elsewhere of [arn("aws-cn", "us-east-1"), arn("aws", "eu-west-1"), arn("aws-us-gov", "us-gov-west-1")]) {
    for (const [name, input] of operations) {
      const answer = await call(name, { ...input, StreamARN: elsewhere });
      expect([name, answer.error]).toEqual([name, "ResourceNotFoundException"]);
    }
    const tags = await call("ListTagsForResource", { ResourceARN: elsewhere });
    expect(tags.body.message).toBe("Stream s under account 000000000000 not found.");
  }
  expect((await call("DescribeStreamSummary", { StreamARN: OWN }, "eu-west-1")).error).toBe(
    "ResourceNotFoundException",
  );
  expect((await call("DescribeStreamSummary", { StreamARN: OWN })).status).toBe(200);
});

test("a region's ARNs are of its partition", async () => {
  for (const [region, partition] of [
    ["cn-north-1", "aws-cn"],
    ["us-gov-west-1", "aws-us-gov"],
    ["us-isob-east-1", "aws-iso-b"],
  ] as const) {
    await call("CreateStream", { StreamName: "s", ShardCount: 1 }, region);
    const { body } = await call("ListStreams", {}, region);
    const [summary] = body.StreamSummaries as { StreamARN: string }[];
    expect(summary?.StreamARN).toBe(arn(partition, region));
    const active = async (): Promise<boolean> => {
      const described = await call("DescribeStreamSummary", { StreamARN: summary?.StreamARN }, region);
      return (
        (described.body.StreamDescriptionSummary as { StreamStatus?: string } | undefined)?.StreamStatus === "ACTIVE"
      );
    };
    await eventually(active, 10_000);
  }
});

test("a consumer has one ARN, and other spellings of it are no second one", async () => {
  const own = await registered("one");
  const subscribe = (ConsumerARN: string): Promise<RawAnswer> =>
    call("SubscribeToShard", { ConsumerARN, ShardId: "0", StartingPosition: { Type: "LATEST" } });
  for (const spelling of [
    own.replace("arn:aws:", "arn:aws-cn:"),
    own.replace("us-east-1", "eu-west-1"),
    own.replace(/:(\d+)$/, ":0$1"),
  ]) {
    expect((await call("DescribeStreamConsumer", { ConsumerARN: spelling })).error).toBe("ResourceNotFoundException");
    expect((await subscribe(spelling)).error).toBe("ResourceNotFoundException");
    const tags = await call("TagResource", { ResourceARN: spelling, Tags: { a: "b" } });
    expect(tags.error).toBe("ResourceNotFoundException");
  }
  expect((await call("DescribeStreamConsumer", { ConsumerARN: own })).status).toBe(200);
});

test("what is no tag's key is refused when tags are taken away, too", async () => {
  const consumer = await registered("tagged");
  for (const [operation, input] of [
    ["UntagResource", { ResourceARN: OWN }],
    ["UntagResource", { ResourceARN: consumer }],
    ["RemoveTagsFromStream", { StreamName: "s" }],
  ] as const) {
    const remove = (key: string): Promise<RawAnswer> => call(operation, { ...input, TagKeys: ["fine", key] });
    for (const key of ["a,b", "tab\t", "semi;"]) expect((await remove(key)).error).toBe("InvalidArgumentException");
    for (const key of ["никто", "aws:reserved", "a:b"]) expect((await remove(key)).status).toBe(200);
  }
});
