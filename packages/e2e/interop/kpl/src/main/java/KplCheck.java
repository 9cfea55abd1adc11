import com.google.common.util.concurrent.ListenableFuture;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.kinesis.producer.Attempt;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** KPL: ENDPOINT TLS_PORT RECORDS. Its daemon speaks TLS only; what it wrote is read through the other endpoint. */
public final class KplCheck {
  private static final String QUARTER = "85070591730234615865843651857942052864";
  private static final StaticCredentialsProvider CREDENTIALS =
      StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any"));

  public static void main(String[] arguments) throws Exception {
    KinesisAsyncClient kinesis =
        KinesisAsyncClient.builder()
            .endpointOverride(URI.create(arguments[0]))
            .region(Region.US_EAST_1)
            .credentialsProvider(CREDENTIALS)
            .build();
    String jar = KinesisProducer.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    System.out.println("version " + jar.replaceAll(".*-|[.]jar", ""));
    int port = Integer.parseInt(arguments[1]);
    int count = Integer.parseInt(arguments[2]);
    String stream = "kpl-" + System.currentTimeMillis();
    kinesis.createStream(b -> b.streamName(stream).shardCount(2)).join();
    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();

    KinesisProducer aggregating = new KinesisProducer(configuration(port).setAggregationEnabled(true));
    List<ListenableFuture<UserRecordResult>> results = new ArrayList<>(put(aggregating, stream, 0, count / 3));
    kinesis.splitShard(b -> b.streamName(stream).shardToSplit("shardId-000000000000").newStartingHashKey(QUARTER)).join();
    results.addAll(put(aggregating, stream, count / 3, 2 * count / 3));
    check("records in aggregates are acknowledged over a split", areAcknowledged(results), results.size());
    aggregating.destroy();

    KinesisProducer plain = new KinesisProducer(configuration(port).setAggregationEnabled(false));
    List<ListenableFuture<UserRecordResult>> others = put(plain, stream, 2 * count / 3, count);
    check("records by themselves are acknowledged", areAcknowledged(others), others.size());
    plain.destroy();
    results.addAll(others);

    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    Map<String, Integer> expected = new TreeMap<>();
    for (int i = 0; i < count; i++) expected.put(Integer.toString(i), copies(results.get(i).get()));
    Map<String, Integer> stored = new TreeMap<>();
    for (Shard shard : kinesis.listShards(b -> b.streamName(stream)).join().shards()) {
      for (String text : read(kinesis, stream, shard)) stored.merge(text, 1, Integer::sum);
    }
    System.out.printf("       put again for the split: %d%n", expected.values().stream().filter(n -> n > 1).count());
    check("a record is stored as often as KPL put it", stored.equals(expected), difference(stored, expected));
    kinesis.deleteStream(b -> b.streamName(stream)).join();
    System.exit(0);
  }

  private static KinesisProducerConfiguration configuration(int port) {
    return new KinesisProducerConfiguration()
        .setCredentialsProvider(CREDENTIALS)
        .setRegion("us-east-1")
        .setKinesisEndpoint("127.0.0.1")
        .setKinesisPort(port)
        .setVerifyCertificate(false)
        .setMetricsLevel("none")
        .setStsEndpoint("127.0.0.1")
        .setStsPort(port)
        .setLogLevel("error");
  }

  private static List<ListenableFuture<UserRecordResult>> put(KinesisProducer producer, String stream, int from, int to) {
    List<ListenableFuture<UserRecordResult>> results = new ArrayList<>();
    for (int i = from; i < to; i++) {
      String text = Integer.toString(i);
      results.add(producer.addUserRecord(stream, text, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
    }
    producer.flush();
    return results;
  }

  private static boolean areAcknowledged(List<ListenableFuture<UserRecordResult>> results) throws Exception {
    for (ListenableFuture<UserRecordResult> result : results) {
      if (!result.get(60, TimeUnit.SECONDS).isSuccessful()) return false;
    }
    return true;
  }

  /**
   * One, and one more for each time that it came with its aggregate to a child of the shard that KPL had thought of. KPL puts
   * such a record again, unless it belongs to that child. KCL in its turn passes over such an aggregate as a whole, so what
   * belonged there is lost to it (AggregatorUtil). Between KPL and KCL that is so on AWS too; here it is asked what is stored.
   */
  private static int copies(UserRecordResult result) {
    int copies = 0;
    for (Attempt attempt : result.getAttempts()) {
      if (attempt.isSuccessful() || attempt.getErrorCode().equals("Wrong Shard")) copies++;
    }
    return copies;
  }

  private static List<String> difference(Map<String, Integer> stored, Map<String, Integer> expected) {
    return expected.entrySet().stream()
        .filter(entry -> !entry.getValue().equals(stored.get(entry.getKey())))
        .map(entry -> entry + ", but " + stored.get(entry.getKey()))
        .limit(20)
        .toList();
  }

  private static List<String> read(KinesisAsyncClient kinesis, String stream, Shard shard) {
    List<KinesisClientRecord> records = new ArrayList<>();
    String next =
        kinesis
            .getShardIterator(
                b -> b.streamName(stream).shardId(shard.shardId()).shardIteratorType(ShardIteratorType.TRIM_HORIZON))
            .join()
            .shardIterator();
    for (long behind = 1; next != null && behind > 0; ) {
      String from = next;
      var answer = kinesis.getRecords(b -> b.shardIterator(from)).join();
      answer.records().forEach(record -> records.add(KinesisClientRecord.fromRecord(record)));
      next = answer.nextShardIterator();
      behind = answer.millisBehindLatest();
    }
    return new AggregatorUtil()
        .deaggregate(records).stream()
            .map(record -> StandardCharsets.UTF_8.decode(record.data().duplicate()).toString())
            .toList();
  }

  private static void check(String name, boolean condition, Object seen) {
    System.out.println((condition ? "ok     " : "FAILED ") + name + (condition ? "" : " " + seen));
    if (!condition) System.exit(1);
  }
}
