import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  TagResourceCommand,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SingleNode } from "./harness/single.ts";

const StreamARN = "arn:aws:kinesis:us-east-1:111111111111:stream/s";
const ShardId = "shardId-000000000000";
const folder = mkdtempSync(join(tmpdir(), "millrace-accounts-"));
let node: SingleNode;
let owner: KinesisClient;
let other: KinesisClient;

beforeAll(async () => {
  const file = join(folder, "credentials.json");
  const keys = ["owner", "other"].map((accessKeyId, index) => ({
    ...{ accessKeyId, secretAccessKey: accessKeyId, accountId: `${index + 1}`.repeat(12) },
  }));
  writeFileSync(file, JSON.stringify(keys));
  node = await SingleNode.start("--memory", "--quotas", "off", "--credentials", file);
  const clientOf = (name: string) => node.client({ credentials: { accessKeyId: name, secretAccessKey: name } });
  [owner, other] = [clientOf("owner"), clientOf("other")];
  await owner.send(new CreateStreamCommand({ StreamName: "s", ShardCount: 2 }));
  await waitUntilStreamExists({ client: owner, maxWaitTime: 20, minDelay: 1 }, { StreamName: "s" });
}, 60_000);
afterAll(async () => {
  await node.destroy();
  rmSync(folder, { recursive: true, force: true });
});

test("a key of one account does nothing to another's streams, by ARN, iterator or page token", async () => {
  const start = new GetShardIteratorCommand({ StreamARN, ShardId, ShardIteratorType: "TRIM_HORIZON" });
  const { ShardIterator } = await owner.send(start);
  const { NextToken } = await owner.send(new ListShardsCommand({ StreamARN, MaxResults: 1 }));
  const { Consumer } = await owner.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "app" }));
  const ConsumerARN = Consumer?.ConsumerARN;
  const record = { PartitionKey: "k", Data: Buffer.from("x") };
  const StartingPosition = { Type: "TRIM_HORIZON" } as const;
  const Policy = JSON.stringify({ Statement: [] });
  const calls: ((client: KinesisClient) => Promise<unknown>)[] = [
    (client) => client.send(new DescribeStreamSummaryCommand({ StreamARN })),
    (client) => client.send(new PutRecordCommand({ StreamARN, ...record })),
    (client) => client.send(new PutRecordsCommand({ StreamARN, Records: [record] })),
    (client) => client.send(start),
    (client) => client.send(new GetRecordsCommand({ ShardIterator })),
    (client) => client.send(new ListShardsCommand({ NextToken })),
    (client) => client.send(new TagResourceCommand({ ResourceARN: StreamARN, Tags: { a: "b" } })),
    (client) => client.send(new PutResourcePolicyCommand({ ResourceARN: StreamARN, Policy })),
    (client) => client.send(new DescribeStreamConsumerCommand({ ConsumerARN })),
    (client) => client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition })),
    (client) => client.send(new DeleteStreamCommand({ StreamARN, EnforceConsumerDeletion: true })),
  ];
  for (const call of calls) await expect(call(other)).rejects.toMatchObject({ name: "AccessDeniedException" });
  const nowhere = StreamARN.replace("/s", "/nowhere");
  await expect(other.send(new DescribeStreamSummaryCommand({ StreamARN: nowhere }))).rejects.toThrow(
    "User: arn:aws:iam::222222222222:user/other is not authorized to perform: kinesis:DescribeStreamSummary on resource: " +
      `${nowhere} because no resource-based policy allows the kinesis:DescribeStreamSummary action`,
  );
  expect((await other.send(new ListStreamsCommand({}))).StreamNames).toEqual([]);
  for (const call of calls) await call(owner);
}, 30_000);
