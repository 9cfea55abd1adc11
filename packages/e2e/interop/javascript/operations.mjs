// Everything about a stream but its records.
import { paginateListStreams, waitUntilStreamExists, waitUntilStreamNotExists } from "@aws-sdk/client-kinesis";
import { check, errorOf } from "./checks.mjs";

const WAIT = { maxWaitTime: 30, minDelay: 1 };
const POLICY = JSON.stringify({ Version: "2012-10-17", Statement: [] });

export async function checkOperations(client, name) {
  const StreamName = name;
  const summary = async () => (await client.describeStreamSummary({ StreamName })).StreamDescriptionSummary;

  await client.createStream({ StreamName, ShardCount: 2, Tags: { a: "1" } });
  await waitUntilStreamExists({ client, ...WAIT }, { StreamName });
  const { StreamDescription } = await client.describeStream({ StreamName });
  const { OpenShardCount, StreamARN } = await summary();
  const listed = [];
  for await (const page of paginateListStreams({ client, pageSize: 1 }, {})) listed.push(...page.StreamNames);
  const { Shards } = await client.listShards({ StreamName });
  const limits = await client.describeLimits({});
  check(
    "a stream is created, described and listed",
    StreamDescription.StreamStatus === "ACTIVE" && OpenShardCount === 2 && listed.includes(name) && Shards.length === 2,
    { StreamDescription, OpenShardCount, listed, Shards },
  );
  check("limits of the account", limits.OpenShardCount >= 2, limits);

  const ResourceARN = StreamARN;
  await client.addTagsToStream({ StreamName, Tags: { b: "2" } });
  await client.tagResource({ ResourceARN, Tags: { c: "3" } });
  await client.removeTagsFromStream({ StreamName, TagKeys: ["b"] });
  await client.untagResource({ ResourceARN, TagKeys: ["a"] });
  const byStream = (await client.listTagsForStream({ StreamName })).Tags;
  const byResource = (await client.listTagsForResource({ ResourceARN })).Tags;
  const tags = '[{"Key":"c","Value":"3"}]';
  check(
    "tags by stream and by resource",
    JSON.stringify(byStream) === tags && JSON.stringify(byResource) === tags,
    byStream,
  );

  await client.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 48 });
  const longer = (await summary()).RetentionPeriodHours;
  await client.decreaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 24 });
  check("retention up and down", longer === 48 && (await summary()).RetentionPeriodHours === 24, longer);

  const encryption = { StreamName, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
  await client.startStreamEncryption(encryption);
  const put = await client.putRecord({ StreamName, PartitionKey: "k", Data: Buffer.from("x") });
  await client.stopStreamEncryption(encryption);
  check("encryption on and off", put.EncryptionType === "KMS" && (await summary()).EncryptionType === "NONE", put);

  const ShardLevelMetrics = ["IncomingBytes"];
  const on = await client.enableEnhancedMonitoring({ StreamName, ShardLevelMetrics });
  const off = await client.disableEnhancedMonitoring({ StreamName, ShardLevelMetrics });
  check(
    "shard-level metrics on and off",
    on.DesiredShardLevelMetrics.length === 1 && off.DesiredShardLevelMetrics.length === 0,
    { on, off },
  );

  await client.putResourcePolicy({ ResourceARN, Policy: POLICY });
  const { Policy } = await client.getResourcePolicy({ ResourceARN });
  await client.deleteResourcePolicy({ ResourceARN });
  check("a resource policy is put, got and deleted", Policy === POLICY, Policy);

  const commitment = { MinimumThroughputBillingCommitment: { Status: "DISABLED" } };
  await client.updateAccountSettings(commitment);
  const settings = (await client.describeAccountSettings({})).MinimumThroughputBillingCommitment;
  check("account settings", settings.Status === "DISABLED", settings);

  await client.updateMaxRecordSize({ StreamARN, MaxRecordSizeInKiB: 2_048 });
  await client.putRecord({ StreamName, PartitionKey: "k", Data: Buffer.alloc(1_500_000) });
  check("a record of 1.5 MB after UpdateMaxRecordSize", (await summary()).MaxRecordSizeInKiB === 2_048);

  const consumer = { StreamARN, ConsumerName: "app" };
  await client.registerStreamConsumer(consumer);
  const { ConsumerDescription } = await client.describeStreamConsumer(consumer);
  const consumers = (await client.listStreamConsumers({ StreamARN })).Consumers;
  await client.deregisterStreamConsumer(consumer);
  check(
    "a consumer is registered, described, listed and gone",
    ConsumerDescription.ConsumerName === "app" &&
      consumers.length === 1 &&
      (await errorOf(client.describeStreamConsumer(consumer))) === "ResourceNotFoundException",
    ConsumerDescription,
  );

  await client.updateStreamMode({ StreamARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } });
  const { WarmThroughput } = await client.updateStreamWarmThroughput({ StreamARN, WarmThroughputMiBps: 10 });
  check("on-demand, with warm throughput", WarmThroughput.TargetMiBps === 10, WarmThroughput);
  await client.updateStreamRecordDistributionStrategy({ StreamARN, RecordDistributionStrategy: "AUTO" });
  const { RecordDistributionStrategy } = await summary();
  check("the distribution of records", RecordDistributionStrategy === "AUTO", RecordDistributionStrategy);
  await client.updateStreamMode({ StreamARN, StreamModeDetails: { StreamMode: "PROVISIONED" } });
  check("and provisioned again", (await summary()).StreamModeDetails.StreamMode === "PROVISIONED");

  const errors = [
    await errorOf(client.describeStream({ StreamName: "nowhere" })),
    await errorOf(client.createStream({ StreamName, ShardCount: 1 })),
    await errorOf(client.getRecords({ ShardIterator: "AAAA" })),
    await errorOf(client.listShards({ StreamName: "no spaces" })),
  ].join();
  const typed = "ResourceNotFoundException,ResourceInUseException,InvalidArgumentException,ValidationException";
  check("errors have their types", errors === typed, errors);

  await client.deleteStream({ StreamName, EnforceConsumerDeletion: true });
  await waitUntilStreamNotExists({ client, ...WAIT }, { StreamName });
  check("a stream is deleted", true);
}
