import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** Counts what it gets, over all shards. */
final class Processor implements ShardRecordProcessor {
  static final Map<String, Integer> SEEN = new ConcurrentHashMap<>();
  static final Map<String, Boolean> ENDED = new ConcurrentHashMap<>();
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
    checkpoint(input.checkpointer());
  }

  @Override
  public void shardEnded(ShardEndedInput input) {
    ENDED.put(shardId, true);
    checkpoint(input.checkpointer());
  }

  @Override
  public void leaseLost(LeaseLostInput input) {}

  @Override
  public void shutdownRequested(ShutdownRequestedInput input) {}

  private static void checkpoint(RecordProcessorCheckpointer checkpointer) {
    try {
      checkpointer.checkpoint();
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }
}
