import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.streaming.connectors.kinesis.config.ConsumerConfigConstants;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** Flink: ENDPOINT FLINKS_ENDPOINT MODE RECORDS. A job in this process copies one stream, which is split and merged meanwhile, to another. */
public final class FlinkCheck {
  private static final int BATCH = 100;
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private final KinesisAsyncClient kinesis;
  private final String source;
  private final String target;

  private FlinkCheck(String endpoint, String name) {
    kinesis =
        KinesisAsyncClient.builder()
            .endpointOverride(URI.create(endpoint))
            .region(Region.US_EAST_1)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any")))
            .build();
    source = name + "-source";
    target = name + "-target";
  }

  public static void main(String[] arguments) throws Exception {
    String jar = FlinkKinesisConsumer.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    System.out.println("version " + jar.replaceAll(".*kinesis-|[.]jar", ""));
    String name = "flink-" + arguments[2] + "-" + System.currentTimeMillis();
    new FlinkCheck(arguments[0], name).run(arguments[1], arguments[2], Integer.parseInt(arguments[3]));
    System.exit(0);
  }

  private void run(String flinksEndpoint, String mode, int count) throws Exception {
    for (String stream : List.of(source, target)) {
      kinesis.createStream(b -> b.streamName(stream).shardCount(2)).join();
      kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    }
    produce(0, count / 3);
    JobClient job = startJob(flinksEndpoint, mode);
    String half = "85070591730234615865843651857942052864";
    kinesis.splitShard(b -> b.streamName(source).shardToSplit("shardId-000000000000").newStartingHashKey(half)).join();
    produce(count / 3, 2 * count / 3);
    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(source)).join();
    String adjacent = "shardId-000000000003";
    kinesis
        .mergeShards(b -> b.streamName(source).shardToMerge("shardId-000000000002").adjacentShardToMerge(adjacent))
        .join();
    produce(2 * count / 3, count);

    Map<String, Integer> seen = copied(count);
    check("a job copies every record of a stream that is split and merged", seen.size() == count, seen.size());
    boolean isOnce = seen.values().stream().allMatch(times -> times == 1);
    check("and none twice", isOnce, seen);
    job.cancel().get(30, TimeUnit.SECONDS);
    for (String stream : List.of(source, target))
      kinesis.deleteStream(b -> b.streamName(stream).enforceConsumerDeletion(true)).join();
  }

  private JobClient startJob(String endpoint, String mode) throws Exception {
    Properties shared = new Properties();
    shared.setProperty("aws.region", "us-east-1");
    shared.setProperty("aws.endpoint", endpoint);
    shared.setProperty("aws.credentials.provider", "BASIC");
    shared.setProperty("aws.credentials.provider.basic.accesskeyid", "any");
    shared.setProperty("aws.credentials.provider.basic.secretkey", "any");
    Properties reading = new Properties();
    reading.putAll(shared);
    reading.setProperty(ConsumerConfigConstants.STREAM_INITIAL_POSITION, "TRIM_HORIZON");
    reading.setProperty(ConsumerConfigConstants.SHARD_DISCOVERY_INTERVAL_MILLIS, "500");
    if (mode.equals("fan-out")) {
      reading.setProperty(ConsumerConfigConstants.RECORD_PUBLISHER_TYPE, "EFO");
      reading.setProperty(ConsumerConfigConstants.EFO_CONSUMER_NAME, "flink");
    }
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(2);
    environment
        .addSource(new FlinkKinesisConsumer<>(source, new SimpleStringSchema(), reading))
        .sinkTo(
            KinesisStreamsSink.<String>builder()
                .setKinesisClientProperties(shared)
                .setSerializationSchema(new SimpleStringSchema())
                .setPartitionKeyGenerator(text -> text)
                .setStreamName(target)
                .build());
    return environment.executeAsync("copy");
  }

  private void produce(int from, int to) {
    for (int first = from; first < to; first += BATCH) {
      List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (int i = first; i < Math.min(to, first + BATCH); i++) {
        String text = Integer.toString(i);
        entries.add(PutRecordsRequestEntry.builder().partitionKey(text).data(SdkBytes.fromUtf8String(text)).build());
      }
      while (!entries.isEmpty()) {
        List<PutRecordsRequestEntry> sent = entries;
        var results = kinesis.putRecords(b -> b.streamName(source).records(sent)).join().records();
        entries = new ArrayList<>();
        for (int i = 0; i < sent.size(); i++) if (results.get(i).errorCode() != null) entries.add(sent.get(i));
      }
    }
  }

  /** How often each record came to the target, once all are there or patience ends. */
  private Map<String, Integer> copied(int count) throws InterruptedException {
    ShardIteratorType start = ShardIteratorType.TRIM_HORIZON;
    Map<String, Integer> seen = new TreeMap<>();
    List<String> iterators = new ArrayList<>();
    for (String shard : List.of("shardId-000000000000", "shardId-000000000001")) {
      var answer = kinesis.getShardIterator(b -> b.streamName(target).shardId(shard).shardIteratorType(start)).join();
      iterators.add(answer.shardIterator());
    }
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (seen.size() < count && System.nanoTime() < deadline) {
      iterators.replaceAll(
          iterator -> {
            var answer = kinesis.getRecords(b -> b.shardIterator(iterator)).join();
            answer.records().forEach(record -> seen.merge(record.data().asUtf8String(), 1, Integer::sum));
            return answer.nextShardIterator();
          });
      TimeUnit.MILLISECONDS.sleep(250);
    }
    return seen;
  }

  private static void check(String name, boolean condition, Object seen) {
    System.out.println((condition ? "ok     " : "FAILED ") + name + (condition ? "" : " " + seen));
    if (!condition) System.exit(1);
  }
}
