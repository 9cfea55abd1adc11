import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** A stream's records; ../javascript/records.mjs in Java. */
final class Records {
  private static final String FIRST = "shardId-000000000000";
  private static final String QUARTER = "85070591730234615865843651857942052864";
  private final KinesisAsyncClient client;
  private final String name;

  Records(KinesisAsyncClient client, String name) {
    this.client = client;
    this.name = name;
  }

  void check() throws Exception {
    client.createStream(b -> b.streamName(name).shardCount(2)).join();
    Checks.waitActive(client, name);
    checkIterators();
    int written = 3 + writeOverReshards();
    List<Shard> shards = shards();
    List<String> read = new ArrayList<>();
    for (Shard shard : shards) {
      String next = iterator(shard.shardId(), ShardIteratorType.TRIM_HORIZON, b -> {});
      for (long behind = 1; next != null && behind > 0; ) {
        String from = next;
        var answer = client.getRecords(b -> b.shardIterator(from)).join();
        answer.records().forEach(record -> read.add(record.data().asUtf8String()));
        next = answer.nextShardIterator();
        behind = answer.millisBehindLatest();
      }
    }
    boolean isOnce = read.size() == written && new HashSet<>(read).size() == written;
    Checks.check("every record once over a split, a merge and UpdateShardCount", isOnce, read.size());

    Shard open = shards.stream().filter(s -> s.sequenceNumberRange().endingSequenceNumber() == null).findFirst().get();
    checkFanOut(open);
    String key = open.hashKeyRange().startingHashKey();
    String before = iterator(open.shardId(), ShardIteratorType.LATEST, b -> {});
    put("before", key);
    System.out.println("restart");
    new BufferedReader(new InputStreamReader(System.in)).readLine();
    put("after", key);
    String after = textsFrom(before);
    Checks.check(
        "the same client and its iterator go on after a restart of every node", after.equals("before,after"), after);
    client.deleteStream(b -> b.streamName(name).enforceConsumerDeletion(true)).join();
  }

  private void checkIterators() throws InterruptedException {
    String latest = iterator(FIRST, ShardIteratorType.LATEST, b -> {});
    List<String> numbers = new ArrayList<>(List.of(put("a", "0"), put("b", "0")));
    TimeUnit.MILLISECONDS.sleep(20);
    Instant moment = Instant.now();
    numbers.add(put("c", "0"));
    boolean isGrowing = numbers.equals(numbers.stream().sorted().distinct().toList());
    Checks.check("sequence numbers grow", isGrowing, numbers);
    String number = numbers.get(1);
    String seen =
        String.join(
            " ",
            textsFrom(iterator(FIRST, ShardIteratorType.TRIM_HORIZON, b -> {})),
            textsFrom(iterator(FIRST, ShardIteratorType.AT_SEQUENCE_NUMBER, b -> b.startingSequenceNumber(number))),
            textsFrom(iterator(FIRST, ShardIteratorType.AFTER_SEQUENCE_NUMBER, b -> b.startingSequenceNumber(number))),
            textsFrom(iterator(FIRST, ShardIteratorType.AT_TIMESTAMP, b -> b.timestamp(moment))),
            textsFrom(latest));
    Checks.check("every type of iterator", seen.equals("a,b,c b,c c c a,b,c"), seen);
    String start = iterator(FIRST, ShardIteratorType.TRIM_HORIZON, b -> {});
    var page = client.getRecords(b -> b.shardIterator(start).limit(1)).join();
    String rest = textsFrom(page.nextShardIterator());
    Checks.check("a page of one record, and the next", page.records().size() == 1 && rest.equals("b,c"), rest);
  }

  private void checkFanOut(Shard open) throws Exception {
    String arn = client.describeStreamSummary(b -> b.streamName(name)).join().streamDescriptionSummary().streamARN();
    String consumer =
        client.registerStreamConsumer(b -> b.streamARN(arn).consumerName("app")).join().consumer().consumerARN();
    Queue<SubscribeToShardEvent> events = new ConcurrentLinkedQueue<>();
    subscribe(consumer, FIRST, ShardIteratorType.TRIM_HORIZON, events::add, () -> {}).join();
    String texts = events.stream().map(event -> texts(event.records())).collect(Collectors.joining(","));
    long children = events.stream().mapToLong(event -> event.childShards().size()).sum();
    Checks.check(
        "fan-out comes to a parent's end and its children", texts.startsWith("a,b,c") && children == 2, children);

    CompletableFuture<Void> subscribed = new CompletableFuture<>();
    CompletableFuture<Void> pushed = new CompletableFuture<>();
    Consumer<SubscribeToShardEvent> visit = event -> {
      if (texts(event.records()).equals("pushed")) pushed.complete(null);
    };
    subscribe(consumer, open.shardId(), ShardIteratorType.LATEST, visit, () -> subscribed.complete(null));
    subscribed.get(10, TimeUnit.SECONDS);
    long sent = System.nanoTime();
    put("pushed", open.hashKeyRange().startingHashKey());
    pushed.get(10, TimeUnit.SECONDS);
    long passedMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sent);
    Checks.check("fan-out pushes within a second", passedMs < 1_000, passedMs);
  }

  /** Completes at the subscription's end. */
  private CompletableFuture<Void> subscribe(
      String consumer, String shard, ShardIteratorType type, Consumer<SubscribeToShardEvent> visit, Runnable started) {
    var visitor = SubscribeToShardResponseHandler.Visitor.builder().onSubscribeToShardEvent(visit).build();
    var handler =
        SubscribeToShardResponseHandler.builder().onResponse(answer -> started.run()).subscriber(visitor).build();
    return client.subscribeToShard(
        b -> b.consumerARN(consumer).shardId(shard).startingPosition(p -> p.type(type)), handler);
  }

  private String put(String text, String hashKey) {
    SdkBytes data = SdkBytes.fromUtf8String(text);
    return client
        .putRecord(b -> b.streamName(name).partitionKey("k").explicitHashKey(hashKey).data(data))
        .join()
        .sequenceNumber();
  }

  private String iterator(String shard, ShardIteratorType type, Consumer<GetShardIteratorRequest.Builder> where) {
    var request = GetShardIteratorRequest.builder().streamName(name).shardId(shard).shardIteratorType(type);
    where.accept(request);
    return client.getShardIterator(request.build()).join().shardIterator();
  }

  private String textsFrom(String iterator) {
    return texts(client.getRecords(b -> b.shardIterator(iterator)).join().records());
  }

  private static String texts(List<Record> records) {
    return records.stream().map(record -> record.data().asUtf8String()).collect(Collectors.joining(","));
  }

  private List<Shard> shards() {
    var page = client.listShards(b -> b.streamName(name).maxResults(3)).join();
    List<Shard> shards = new ArrayList<>(page.shards());
    while (page.nextToken() != null) {
      String token = page.nextToken();
      page = client.listShards(b -> b.nextToken(token).maxResults(3)).join();
      shards.addAll(page.shards());
    }
    return shards;
  }

  private int writeOverReshards() {
    putMany(0);
    client.splitShard(b -> b.streamName(name).shardToSplit(FIRST).newStartingHashKey(QUARTER)).join();
    putMany(100);
    Checks.waitActive(client, name);
    String adjacent = "shardId-000000000003";
    client.mergeShards(b -> b.streamName(name).shardToMerge("shardId-000000000002").adjacentShardToMerge(adjacent)).join();
    putMany(200);
    Checks.waitActive(client, name);
    ScalingType type = ScalingType.UNIFORM_SCALING;
    client.updateShardCount(b -> b.streamName(name).targetShardCount(4).scalingType(type)).join();
    putMany(300);
    Checks.waitActive(client, name);
    return 400;
  }

  private void putMany(int from) {
    List<PutRecordsRequestEntry> entries = new ArrayList<>();
    for (int i = from; i < from + 100; i++) {
      String text = Integer.toString(i);
      entries.add(PutRecordsRequestEntry.builder().partitionKey(text).data(SdkBytes.fromUtf8String(text)).build());
    }
    while (!entries.isEmpty()) {
      List<PutRecordsRequestEntry> sent = entries;
      var results = client.putRecords(b -> b.streamName(name).records(sent)).join().records();
      entries = new ArrayList<>();
      for (int i = 0; i < sent.size(); i++) if (results.get(i).errorCode() != null) entries.add(sent.get(i));
    }
  }
}
