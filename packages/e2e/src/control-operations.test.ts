import {
  AddTagsToStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteResourcePolicyCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  GetRecordsCommand,
  GetResourcePolicyCommand,
  GetShardIteratorCommand,
  IncreaseStreamRetentionPeriodCommand,
  type KinesisClient,
  ListStreamConsumersCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  RemoveTagsFromStreamCommand,
  StartStreamEncryptionCommand,
  StopStreamEncryptionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateMaxRecordSizeCommand,
  UpdateStreamModeCommand,
} from "@aws-sdk/client-kinesis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "./harness/cluster.ts";
import { createStream } from "@millrace/verifier";

const STREAM = { StreamName: "s" };
const ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
let cluster: LocalCluster;
let client: KinesisClient;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  client = cluster.client();
  await createStream(client, "s", 1);
}, 60_000);

afterAll(async () => {
  await cluster.destroy();
});

async function summary() {
  const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand(STREAM));
  return StreamDescriptionSummary;
}

test("the retention period grows and shrinks within its bounds", async () => {
  await client.send(new IncreaseStreamRetentionPeriodCommand({ ...STREAM, RetentionPeriodHours: 48 }));
  expect((await summary())?.RetentionPeriodHours).toBe(48);
  await expect(
    client.send(new IncreaseStreamRetentionPeriodCommand({ ...STREAM, RetentionPeriodHours: 24 })),
  ).rejects.toThrow(
    "Requested retention period (24 hours) for stream s can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.",
  );
  await client.send(new DecreaseStreamRetentionPeriodCommand({ ...STREAM, RetentionPeriodHours: 24 }));
  expect((await summary())?.RetentionPeriodHours).toBe(24);
  await expect(
    client.send(new IncreaseStreamRetentionPeriodCommand({ ...STREAM, RetentionPeriodHours: 8_761 })),
  ).rejects.toThrow("Maximum allowed retention period is 8760 hours.");
});

test("tags are one set, by the stream's operations and by the resource's", async () => {
  await client.send(new AddTagsToStreamCommand({ ...STREAM, Tags: { team: "flow", env: "test" } }));
  await client.send(new RemoveTagsFromStreamCommand({ ...STREAM, TagKeys: ["team", "nothing"] }));
  const { Tags } = await client.send(new ListTagsForResourceCommand({ ResourceARN: ARN }));
  expect(Tags).toEqual([{ Key: "env", Value: "test" }]);
  expect((await client.send(new ListTagsForStreamCommand(STREAM))).HasMoreTags).toBe(false);
});

test("a consumer is registered once, described, listed, and holds up the stream's deletion", async () => {
  const register = new RegisterStreamConsumerCommand({ StreamARN: ARN, ConsumerName: "app" });
  const { Consumer } = await client.send(register);
  await expect(client.send(register)).rejects.toMatchObject({ name: "ResourceInUseException" });
  const { ConsumerDescription } = await client.send(
    new DescribeStreamConsumerCommand({ ConsumerARN: Consumer?.ConsumerARN }),
  );
  expect(ConsumerDescription).toMatchObject({ ConsumerName: "app", ConsumerStatus: "ACTIVE", StreamARN: ARN });
  expect((await client.send(new ListStreamConsumersCommand({ StreamARN: ARN }))).Consumers).toHaveLength(1);
  await expect(client.send(new DeleteStreamCommand(STREAM))).rejects.toMatchObject({ name: "ResourceInUseException" });
  await client.send(new DeregisterStreamConsumerCommand({ StreamARN: ARN, ConsumerName: "app" }));
  await expect(
    client.send(new DescribeStreamConsumerCommand({ StreamARN: ARN, ConsumerName: "app" })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

test("a consumer has tags of its own, from its registration on", async () => {
  const registered = { StreamARN: ARN, ConsumerName: "tagged" };
  const { Consumer } = await client.send(
    new RegisterStreamConsumerCommand({ ...registered, Tags: { team: "flow", env: "test" } }),
  );
  const ResourceARN = Consumer?.ConsumerARN;
  const tagsOf = async (arn: string | undefined) =>
    (await client.send(new ListTagsForResourceCommand({ ResourceARN: arn }))).Tags;
  const ofStream = await tagsOf(ARN);
  expect(await tagsOf(ResourceARN)).toEqual([
    { Key: "env", Value: "test" },
    { Key: "team", Value: "flow" },
  ]);
  await client.send(new TagResourceCommand({ ResourceARN, Tags: { env: "live", cost: "9" } }));
  await client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["team", "nothing"] }));
  expect(await tagsOf(ResourceARN)).toEqual([
    { Key: "cost", Value: "9" },
    { Key: "env", Value: "live" },
  ]);
  expect(await tagsOf(ARN)).toEqual(ofStream);
  const tooMany = Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`k${i}`, ""]));
  await expect(client.send(new TagResourceCommand({ ResourceARN, Tags: tooMany }))).rejects.toThrow(
    "Failed to add tags to consumer tagged because a given consumer cannot have more than 50 tags associated with it.",
  );
  const bad = new RegisterStreamConsumerCommand({ StreamARN: ARN, ConsumerName: "bad", Tags: { "aws:a": "v" } });
  await expect(client.send(bad)).rejects.toThrow("Tag keys must not start with aws:.");
  await client.send(new DeregisterStreamConsumerCommand(registered));
  const { Consumer: again } = await client.send(new RegisterStreamConsumerCommand(registered));
  expect(await tagsOf(again?.ConsumerARN)).toEqual([]);
  await client.send(new DeregisterStreamConsumerCommand(registered));
});

test("records are marked by the encryption state of the moment they were put", async () => {
  const put = async (text: string) =>
    client.send(new PutRecordCommand({ ...STREAM, PartitionKey: "k", Data: Buffer.from(text) }));
  expect((await put("plain")).EncryptionType).toBeUndefined();
  await client.send(new StartStreamEncryptionCommand({ ...STREAM, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }));
  expect((await put("marked")).EncryptionType).toBe("KMS");
  expect(await summary()).toMatchObject({ EncryptionType: "KMS", KeyId: "alias/aws/kinesis" });
  await client.send(new StopStreamEncryptionCommand({ ...STREAM, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" }));
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ ...STREAM, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" }),
  );
  const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
  expect(Records?.map(({ EncryptionType }) => EncryptionType)).toEqual([undefined, "KMS"]);
});

test("monitoring, record size, mode and policies are kept and shown", async () => {
  const enabled = await client.send(
    new EnableEnhancedMonitoringCommand({ ...STREAM, ShardLevelMetrics: ["IncomingBytes", "OutgoingBytes"] }),
  );
  expect(enabled).toMatchObject({
    CurrentShardLevelMetrics: [],
    DesiredShardLevelMetrics: ["IncomingBytes", "OutgoingBytes"],
  });
  await client.send(new DisableEnhancedMonitoringCommand({ ...STREAM, ShardLevelMetrics: ["ALL"] }));
  await client.send(new UpdateMaxRecordSizeCommand({ StreamARN: ARN, MaxRecordSizeInKiB: 2_048 }));
  await client.send(new PutRecordCommand({ ...STREAM, PartitionKey: "k", Data: Buffer.alloc(1_500_000) }));
  await client.send(new UpdateStreamModeCommand({ StreamARN: ARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } }));
  expect(await summary()).toMatchObject({ MaxRecordSizeInKiB: 2_048, StreamModeDetails: { StreamMode: "ON_DEMAND" } });
  expect((await client.send(new GetResourcePolicyCommand({ ResourceARN: ARN }))).Policy).toBe("{}");
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  await client.send(new PutResourcePolicyCommand({ ResourceARN: ARN, Policy }));
  expect((await client.send(new GetResourcePolicyCommand({ ResourceARN: ARN }))).Policy).toBe(Policy);
  await client.send(new DeleteResourcePolicyCommand({ ResourceARN: ARN }));
  await expect(client.send(new DeleteResourcePolicyCommand({ ResourceARN: ARN }))).rejects.toThrow(
    `No resource policy found for resource ARN ${ARN}.`,
  );
});
