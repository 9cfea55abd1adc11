import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;

/** The stream that KCL reads, and what happens to it meanwhile. */
final class Stage {
  private static final int BATCH = 250;
  private final KinesisAsyncClient kinesis;
  private final String stream;

  Stage(KinesisAsyncClient kinesis, String stream) {
    this.kinesis = kinesis;
    this.stream = stream;
  }

  void create() {
    kinesis.createStream(b -> b.streamName(stream).shardCount(2)).join();
    waitActive();
  }

  /** The numbers from the one to before the other, each a record; what a quota refuses is sent again. */
  void produce(int from, int to) {
    for (int first = from; first < to; first += BATCH) {
      List<PutRecordsRequestEntry> entries = new ArrayList<>();
      for (int i = first; i < Math.min(to, first + BATCH); i++) {
        String text = Integer.toString(i);
        entries.add(PutRecordsRequestEntry.builder().partitionKey(text).data(SdkBytes.fromUtf8String(text)).build());
      }
      while (!entries.isEmpty()) {
        List<PutRecordsRequestEntry> sent = entries;
        var results = kinesis.putRecords(b -> b.streamName(stream).records(sent)).join().records();
        entries = new ArrayList<>();
        for (int i = 0; i < sent.size(); i++) if (results.get(i).errorCode() != null) entries.add(sent.get(i));
      }
    }
  }

  void split(String shard, String hashKey) {
    kinesis.splitShard(b -> b.streamName(stream).shardToSplit(shard).newStartingHashKey(hashKey)).join();
    waitActive();
  }

  void merge(String shard, String adjacent) {
    kinesis.mergeShards(b -> b.streamName(stream).shardToMerge(shard).adjacentShardToMerge(adjacent)).join();
    waitActive();
  }

  void delete() {
    kinesis.deleteStream(b -> b.streamName(stream).enforceConsumerDeletion(true)).join();
  }

  private void waitActive() {
    kinesis.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
  }
}
