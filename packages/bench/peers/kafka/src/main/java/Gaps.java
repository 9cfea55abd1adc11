import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Writers that feel what happens to the brokers: the longest time in which a partition took nothing. */
final class Gaps {
  private static final long PAUSE_MS = 5;
  private static volatile boolean isOver;

  static String gaps(Options options) throws Exception {
    Topics.create(options);
    List<Writer> writers = new ArrayList<>();
    for (int partition = 0; partition < options.number("partitions"); partition++) {
      writers.add(new Writer(options, partition));
    }
    for (Writer writer : writers) writer.start();
    System.out.println("writing");
    // Standard input ends when enough has been seen.
    while (System.in.read() >= 0) {}
    isOver = true;
    for (Writer writer : writers) writer.join();
    return "{\"worstMs\":["
        + writers.stream().map((writer) -> String.valueOf(writer.worstNs / 1e6)).collect(Collectors.joining(","))
        + "]}";
  }

  private static final class Writer extends Thread {
    private final Options options;
    private final int partition;
    private long worstNs;

    Writer(Options options, int partition) {
      this.options = options;
      this.partition = partition;
    }

    @Override
    public void run() {
      byte[] value = new byte[options.number("recordBytes")];
      try (var producer = options.producer()) {
        // The connection is made, the code loaded.
        for (int index = 0; index < 20; index++) write(producer, value);
        long last = System.nanoTime();
        while (!isOver) {
          Thread.sleep(PAUSE_MS);
          if (!write(producer, value)) continue;
          worstNs = Math.max(worstNs, System.nanoTime() - last);
          last = System.nanoTime();
        }
      } catch (InterruptedException error) {
        throw new IllegalStateException(error);
      }
    }

    private boolean write(Producer<byte[], byte[]> producer, byte[] value)
        throws InterruptedException {
      try {
        producer.send(new ProducerRecord<>(options.text("topic"), partition, null, value)).get();
        return true;
      } catch (ExecutionException error) {
        return false;
      }
    }
  }
}
