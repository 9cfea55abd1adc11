import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * KCL over the AWS SDK for Java v2: ENDPOINT KCLS_ENDPOINT LEASE_STORE MODE RECORDS. MODE is polling or fan-out. A worker reads
 * a stream while it is written, split twice, merged, and every node is killed. Ends with 1 on the first check that fails.
 */
public final class KclCheck {
  private static final int PARENTS = 4;

  public static void main(String[] arguments) throws Exception {
    boolean isPolling = arguments[3].equals("polling");
    int count = Integer.parseInt(arguments[4]);
    String name = "kcl-" + arguments[3] + "-" + UUID.randomUUID().toString().substring(0, 8);
    System.out.println("version " + RetrievalConfig.KINESIS_CLIENT_LIB_USER_AGENT_VERSION);
    Stage stage = new Stage(configured(KinesisAsyncClient.builder(), arguments[0]).build(), name);
    stage.create();
    Thread worker = new Thread(scheduler(name, arguments[1], arguments[2], isPolling), "scheduler");
    worker.setDaemon(true);
    worker.start();

    long startedAt = System.nanoTime();
    int quarter = count / 4;
    stage.produce(0, quarter);
    stage.split("shardId-000000000000", "42535295865117307932921825928971026432");
    stage.produce(quarter, 2 * quarter);
    System.out.println("restart");
    new BufferedReader(new InputStreamReader(System.in)).readLine();
    stage.split("shardId-000000000001", "255211775190703847597530955573826158592");
    stage.produce(2 * quarter, 3 * quarter);
    stage.merge("shardId-000000000003", "shardId-000000000004");
    stage.produce(3 * quarter, count);

    Duration patience = Duration.ofMinutes(3).plusMillis(count);
    boolean isAll = waited(patience, () -> Processor.SEEN.size() == count);
    check(
        "KCL reads every record over two splits, a restart of every node and a merge",
        isAll,
        Processor.SEEN.size() + " of " + count);
    boolean isEnd = waited(patience, () -> Processor.ENDED.size() == PARENTS);
    check("and comes to the end of each of the four parents", isEnd, Processor.ENDED.keySet());
    long repeated = Processor.SEEN.values().stream().filter(times -> times > 1).count();
    check("and reads none twice", repeated == 0, repeated + " are repeated");
    long seconds = Duration.ofNanos(System.nanoTime() - startedAt).toSeconds();
    System.out.printf("note %,d records, written and read in %d s%n", count, seconds);
    stage.delete();
    System.exit(0);
  }

  private static Scheduler scheduler(String stream, String endpoint, String leaseStore, boolean isPolling) {
    KinesisAsyncClient kinesis =
        KinesisClientUtil.createKinesisAsyncClient(configured(KinesisAsyncClient.builder(), endpoint));
    DynamoDbAsyncClient leases = configured(DynamoDbAsyncClient.builder(), leaseStore).build();
    CloudWatchAsyncClient unused = configured(CloudWatchAsyncClient.builder(), endpoint).build();
    String worker = UUID.randomUUID().toString();
    ConfigsBuilder configs = new ConfigsBuilder(stream, stream, kinesis, leases, unused, worker, Processor::new);
    var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var retrieval = configs.retrievalConfig().initialPositionInStreamExtended(start);
    if (isPolling) retrieval.retrievalSpecificConfig(new PollingConfig(stream, kinesis));
    return new Scheduler(
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
  }

  private static <B extends AwsClientBuilder<B, C>, C> B configured(B builder, String endpoint) {
    return builder
        .endpointOverride(URI.create(endpoint))
        .region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any")));
  }

  private static boolean waited(Duration patience, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + patience.toNanos();
    while (!condition.getAsBoolean() && System.nanoTime() < deadline) TimeUnit.MILLISECONDS.sleep(200);
    return condition.getAsBoolean();
  }

  private static void check(String name, boolean condition, Object seen) {
    System.out.println((condition ? "ok     " : "FAILED ") + name + (condition ? "" : " " + seen));
    if (!condition) System.exit(1);
  }
}
