import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** KCL over the AWS SDK for Java v2: ENDPOINT LEASE_STORE MODE RECORDS. MODE is polling or fan-out. Ends with 1 when a record is missing. */
public final class KclCheck {
  private static final int BATCH = 100;
  private static final Map<String, Integer> SEEN = new ConcurrentHashMap<>();
  private static final Map<String, Boolean> ENDED = new ConcurrentHashMap<>();

  public static void main(String[] arguments) throws Exception {
    URI endpoint = URI.create(arguments[0]);
    URI leaseStore = URI.create(arguments[1]);
    boolean isPolling = arguments[2].equals("polling");
    int count = Integer.parseInt(arguments[3]);
    String stream = "kcl-" + arguments[2] + "-" + UUID.randomUUID().toString().substring(0, 8);
    StaticCredentialsProvider credentials =
        StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any"));
    KinesisAsyncClient kinesis =
        KinesisClientUtil.createKinesisAsyncClient(
            KinesisAsyncClient.builder()
                .endpointOverride(endpoint)
                .region(Region.US_EAST_1)
                .credentialsProvider(credentials));
    DynamoDbAsyncClient leases =
        DynamoDbAsyncClient.builder()
            .endpointOverride(leaseStore)
            .region(Region.US_EAST_1)
            .credentialsProvider(credentials)
            .build();
    CloudWatchAsyncClient unused =
        CloudWatchAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(Region.US_EAST_1)
            .credentialsProvider(credentials)
            .build();
    kinesis.createStream(b -> b.streamName(stream).shardCount(2)).join();
    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    check("CreateStream and the waiter", true, "");

    ConfigsBuilder configs =
        new ConfigsBuilder(stream, stream, kinesis, leases, unused, UUID.randomUUID().toString(), Processor::new);
    var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var retrieval = configs.retrievalConfig().initialPositionInStreamExtended(start);
    if (isPolling) retrieval.retrievalSpecificConfig(new PollingConfig(stream, kinesis));
    Scheduler scheduler =
        new Scheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(100),
            configs
                .leaseManagementConfig()
                .initialPositionInStream(start)
                .shardSyncIntervalMillis(1_000)
                .failoverTimeMillis(5_000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(2_000),
            configs.lifecycleConfig(),
            configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
            configs.processorConfig(),
            retrieval);
    Thread worker = new Thread(scheduler, "scheduler");
    worker.setDaemon(true);
    worker.start();

    int third = count / 3 / BATCH * BATCH;
    produce(kinesis, stream, 0, third);
    scale(kinesis, stream, 4);
    produce(kinesis, stream, third, 2 * third);
    scale(kinesis, stream, 2);
    produce(kinesis, stream, 2 * third, count);
    check("PutRecords and UpdateShardCount 2, 4, 2", true, "");

    long deadline = System.nanoTime() + Duration.ofMinutes(3).toNanos();
    while (SEEN.size() < count && System.nanoTime() < deadline) TimeUnit.MILLISECONDS.sleep(200);
    check("KCL reads every record", SEEN.size() == count, SEEN.size() + " of " + count);
    long repeated = SEEN.values().stream().filter(times -> times > 1).count();
    check("and none twice", repeated == 0, repeated + " are repeated");
    while (ENDED.size() < 6 && System.nanoTime() < deadline) TimeUnit.MILLISECONDS.sleep(200);
    check("six parents reach their end", ENDED.size() >= 6, ENDED.keySet());
    kinesis.deleteStream(b -> b.streamName(stream).enforceConsumerDeletion(true)).join();
    check("DeleteStream", true, "");
    System.exit(0);
  }

  private static void produce(KinesisAsyncClient kinesis, String stream, int from, int to) {
    for (int first = from; first < to; first += BATCH) {
      List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (int i = first; i < Math.min(to, first + BATCH); i++) {
        String text = Integer.toString(i);
        entries.add(
            PutRecordsRequestEntry.builder().partitionKey(text).data(SdkBytes.fromUtf8String(text)).build());
      }
      while (!entries.isEmpty()) {
        List<PutRecordsRequestEntry> sent = entries;
        PutRecordsResponse answer = kinesis.putRecords(b -> b.streamName(stream).records(sent)).join();
        List<PutRecordsRequestEntry> failed = new ArrayList<>();
        for (int i = 0; i < sent.size(); i++) {
          if (answer.records().get(i).errorCode() != null) failed.add(sent.get(i));
        }
        entries = failed;
      }
    }
  }

  private static void scale(KinesisAsyncClient kinesis, String stream, int shards) throws InterruptedException {
    kinesis
        .updateShardCount(
            b -> b.streamName(stream).targetShardCount(shards).scalingType(ScalingType.UNIFORM_SCALING))
        .join();
    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
  }

  private static void check(String name, boolean condition, Object seen) {
    System.out.println((condition ? "ok     " : "FAILED ") + name + (condition ? "" : " " + seen));
    if (!condition) System.exit(1);
  }

  private static final class Processor implements ShardRecordProcessor {
    private String shardId;

    @Override
    public void initialize(InitializationInput input) {
      shardId = input.shardId();
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      input
          .records()
          .forEach(record -> SEEN.merge(StandardCharsets.UTF_8.decode(record.data()).toString(), 1, Integer::sum));
      try {
        input.checkpointer().checkpoint();
      } catch (Exception error) {
        throw new IllegalStateException(error);
      }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shardEnded(ShardEndedInput input) {
      ENDED.put(shardId, true);
      try {
        input.checkpointer().checkpoint();
      } catch (Exception error) {
        throw new IllegalStateException(error);
      }
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {}
  }
}
