import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

record Options(Map<String, String> given) {
  private static final int MIB = 1 << 20;

  String text(String name) {
    return given.get(name);
  }

  int number(String name) {
    return Integer.parseInt(given.get(name));
  }

  boolean isSet(String name) {
    return "true".equals(given.get(name));
  }

  KafkaProducer<byte[], byte[]> producer() {
    Properties properties = new Properties();
    properties.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, text("servers"));
    // The default, said aloud: every replica that is in sync has the record.
    properties.put(ProducerConfig.ACKS_CONFIG, "all");
    switch (given.getOrDefault("batching", "default")) {
      case "best" -> {
        // As much as a broker takes in one batch and in one request.
        properties.put(ProducerConfig.BATCH_SIZE_CONFIG, 1_000_000);
        properties.put(ProducerConfig.LINGER_MS_CONFIG, 20);
        properties.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 8 * MIB);
        properties.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 64L * MIB);
      }
      case "none" -> properties.put(ProducerConfig.LINGER_MS_CONFIG, 0);
      default -> {}
    }
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }
}
