import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.MetricsName;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentInputStatus;
import software.amazon.awssdk.services.kinesis.model.RecordDistributionStrategy;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.Tag;

/** Everything about a stream but its records; ../javascript/operations.mjs in Java. */
final class Operations {
  private static final String POLICY = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
  private final KinesisAsyncClient client;
  private final String name;

  Operations(KinesisAsyncClient client, String name) {
    this.client = client;
    this.name = name;
  }

  void check() {
    client.createStream(b -> b.streamName(name).shardCount(2).tags(Map.of("a", "1"))).join();
    Checks.waitActive(client, name);
    var description = client.describeStream(b -> b.streamName(name)).join().streamDescription();
    List<String> listed = new ArrayList<>();
    client.listStreamsPaginator(b -> b.limit(1)).streamNames().subscribe(listed::add).join();
    var shards = client.listShards(b -> b.streamName(name)).join().shards();
    boolean isThere = listed.contains(name) && shards.size() == 2 && summary().openShardCount() == 2;
    Checks.check(
        "a stream is created, described and listed",
        isThere && description.streamStatus() == StreamStatus.ACTIVE,
        description);
    Checks.check("limits of the account", client.describeLimits().join().openShardCount() >= 2, "");
    String arn = summary().streamARN();
    checkTags(arn);
    checkSettings(arn);
    checkConsumer(arn);
    checkModes(arn);
    List<String> errors =
        List.of(
            Checks.codeOf(client.describeStream(b -> b.streamName("nowhere"))),
            Checks.codeOf(client.createStream(b -> b.streamName(name).shardCount(1))),
            Checks.codeOf(client.getRecords(b -> b.shardIterator("AAAA"))),
            Checks.codeOf(client.listShards(b -> b.streamName("no spaces"))));
    List<String> typed =
        List.of(
            "ResourceNotFoundException",
            "ResourceInUseException",
            "InvalidArgumentException",
            "ValidationException");
    Checks.check("errors have their types", errors.equals(typed), errors);
    client.deleteStream(b -> b.streamName(name).enforceConsumerDeletion(true)).join();
    client.waiter().waitUntilStreamNotExists(b -> b.streamName(name)).join();
    Checks.check("a stream is deleted", true, "");
  }

  private StreamDescriptionSummary summary() {
    return client.describeStreamSummary(b -> b.streamName(name)).join().streamDescriptionSummary();
  }

  private void checkTags(String arn) {
    client.addTagsToStream(b -> b.streamName(name).tags(Map.of("b", "2"))).join();
    client.tagResource(b -> b.resourceARN(arn).tags(Map.of("c", "3"))).join();
    client.removeTagsFromStream(b -> b.streamName(name).tagKeys("b")).join();
    client.untagResource(b -> b.resourceARN(arn).tagKeys("a")).join();
    List<Tag> tags = List.of(Tag.builder().key("c").value("3").build());
    var byStream = client.listTagsForStream(b -> b.streamName(name)).join().tags();
    var byResource = client.listTagsForResource(b -> b.resourceARN(arn)).join().tags();
    Checks.check("tags by stream and by resource", byStream.equals(tags) && byResource.equals(tags), byStream);
  }

  private void checkSettings(String arn) {
    client.increaseStreamRetentionPeriod(b -> b.streamName(name).retentionPeriodHours(48)).join();
    int longer = summary().retentionPeriodHours();
    client.decreaseStreamRetentionPeriod(b -> b.streamName(name).retentionPeriodHours(24)).join();
    Checks.check("retention up and down", longer == 48 && summary().retentionPeriodHours() == 24, longer);

    String key = "alias/aws/kinesis";
    client.startStreamEncryption(b -> b.streamName(name).encryptionType(EncryptionType.KMS).keyId(key)).join();
    var put = client.putRecord(b -> b.streamName(name).partitionKey("k").data(SdkBytes.fromUtf8String("x"))).join();
    client.stopStreamEncryption(b -> b.streamName(name).encryptionType(EncryptionType.KMS).keyId(key)).join();
    boolean isOff = summary().encryptionType() == EncryptionType.NONE;
    Checks.check("encryption on and off", put.encryptionType() == EncryptionType.KMS && isOff, put);

    MetricsName bytes = MetricsName.INCOMING_BYTES;
    var on = client.enableEnhancedMonitoring(b -> b.streamName(name).shardLevelMetrics(bytes)).join();
    var off = client.disableEnhancedMonitoring(b -> b.streamName(name).shardLevelMetrics(bytes)).join();
    boolean isWatched = on.desiredShardLevelMetrics().equals(List.of(bytes));
    Checks.check("shard-level metrics on and off", isWatched && off.desiredShardLevelMetrics().isEmpty(), on);

    client.putResourcePolicy(b -> b.resourceARN(arn).policy(POLICY)).join();
    String policy = client.getResourcePolicy(b -> b.resourceARN(arn)).join().policy();
    client.deleteResourcePolicy(b -> b.resourceARN(arn)).join();
    Checks.check("a resource policy is put, got and deleted", policy.equals(POLICY), policy);

    var disabled = MinimumThroughputBillingCommitmentInputStatus.DISABLED;
    client.updateAccountSettings(b -> b.minimumThroughputBillingCommitment(c -> c.status(disabled))).join();
    var settings = client.describeAccountSettings(b -> {}).join().minimumThroughputBillingCommitment();
    Checks.check("account settings", settings.statusAsString().equals("DISABLED"), settings);

    client.updateMaxRecordSize(b -> b.streamARN(arn).maxRecordSizeInKiB(2_048)).join();
    SdkBytes large = SdkBytes.fromByteArray(new byte[1_500_000]);
    client.putRecord(b -> b.streamName(name).partitionKey("k").data(large)).join();
    Checks.check("a record of 1.5 MB after UpdateMaxRecordSize", summary().maxRecordSizeInKiB() == 2_048, "");
  }

  private void checkConsumer(String arn) {
    client.registerStreamConsumer(b -> b.streamARN(arn).consumerName("app")).join();
    var described = client.describeStreamConsumer(b -> b.streamARN(arn).consumerName("app")).join();
    List<String> listed = new ArrayList<>();
    client
        .listStreamConsumersPaginator(b -> b.streamARN(arn))
        .subscribe(page -> page.consumers().forEach(consumer -> listed.add(consumer.consumerName())))
        .join();
    client.deregisterStreamConsumer(b -> b.streamARN(arn).consumerName("app")).join();
    String gone = Checks.codeOf(client.describeStreamConsumer(b -> b.streamARN(arn).consumerName("app")));
    Checks.check(
        "a consumer is registered, described, listed and gone",
        described.consumerDescription().consumerName().equals("app")
            && listed.equals(List.of("app"))
            && gone.equals("ResourceNotFoundException"),
        described);
  }

  private void checkModes(String arn) {
    change(arn, StreamMode.ON_DEMAND);
    var warm = client.updateStreamWarmThroughput(b -> b.streamARN(arn).warmThroughputMiBps(10)).join().warmThroughput();
    Checks.check("on-demand, with warm throughput", warm.targetMiBps() == 10, warm);
    var auto = RecordDistributionStrategy.AUTO;
    client.updateStreamRecordDistributionStrategy(b -> b.streamARN(arn).recordDistributionStrategy(auto)).join();
    Checks.check("the distribution of records", summary().recordDistributionStrategy() == auto, summary());
    change(arn, StreamMode.PROVISIONED);
    Checks.check("and provisioned again", summary().streamModeDetails().streamMode() == StreamMode.PROVISIONED, summary());
  }

  private void change(String arn, StreamMode mode) {
    client.updateStreamMode(b -> b.streamARN(arn).streamModeDetails(d -> d.streamMode(mode))).join();
  }
}
