import java.util.Random;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.ProducerRecord;

final class Load {
  private static final int PAYLOADS = 1_024;
  private static final int KEY_BYTES = 16;

  /** Random bytes under random keys, made once: a record's partition is its key's. */
  record Payloads(byte[][] keys, byte[][] values) {
    static Payloads of(int sizeBytes) {
      Random random = new Random(1);
      byte[][] keys = new byte[PAYLOADS][];
      byte[][] values = new byte[PAYLOADS][sizeBytes];
      for (int index = 0; index < PAYLOADS; index++) {
        keys[index] = String.format("%016x", random.nextLong()).substring(0, KEY_BYTES).getBytes();
        random.nextBytes(values[index]);
      }
      return new Payloads(keys, values);
    }

    ProducerRecord<byte[], byte[]> record(String topic, int index) {
      return new ProducerRecord<>(topic, keys[index % PAYLOADS], values[index % PAYLOADS]);
    }
  }

  /** As fast as the producer takes them. */
  static String throughput(Options options) throws Exception {
    Topics.create(options);
    String topic = options.text("topic");
    Payloads payloads = Payloads.of(options.number("recordBytes"));
    LongAdder acknowledged = new LongAdder();
    LongAdder failed = new LongAdder();
    long warmUntil = System.nanoTime() + options.number("warmUp") * 1_000_000_000L;
    long end = warmUntil + options.number("seconds") * 1_000_000_000L;
    long before = -1;
    long startedAt = 0;
    try (var producer = options.producer()) {
      for (int index = 0; ; index = (index + 1) & Integer.MAX_VALUE) {
        long now = System.nanoTime();
        if (before < 0 && now >= warmUntil) {
          before = acknowledged.sum();
          startedAt = now;
        }
        if (now >= end) break;
        producer.send(payloads.record(topic, index), (metadata, error) -> (error == null ? acknowledged : failed).increment());
      }
      producer.flush();
    }
    double seconds = (System.nanoTime() - startedAt) / 1e9;
    return String.format(
        "{\"records\":%d,\"seconds\":%f,\"failed\":%d}", acknowledged.sum() - before, seconds, failed.sum());
  }

  /** A record at a time, each when it is due, and measured from then: a stall counts for all that it delays. */
  static String paced(Options options) throws Exception {
    Topics.create(options);
    String topic = options.text("topic");
    Payloads payloads = Payloads.of(options.number("recordBytes"));
    int perSecond = options.number("perSecond");
    int warmUp = options.number("warmUp") * perSecond;
    int total = warmUp + options.number("seconds") * perSecond;
    StringBuilder microseconds = new StringBuilder();
    try (var producer = options.producer()) {
      long startedAt = System.nanoTime();
      for (int index = 0; index < total; index++) {
        long due = startedAt + index * 1_000_000_000L / perSecond;
        while (System.nanoTime() < due) LockSupport.parkNanos(due - System.nanoTime());
        producer.send(payloads.record(topic, index)).get();
        if (index < warmUp) continue;
        if (!microseconds.isEmpty()) microseconds.append(',');
        microseconds.append((System.nanoTime() - due) / 1_000);
      }
    }
    return "{\"microseconds\":[" + microseconds + "]}";
  }
}
