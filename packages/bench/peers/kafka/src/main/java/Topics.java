import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.TopicExistsException;

final class Topics {
  private static final short REPLICAS = 3;
  private static final long FIRST_WITHIN_MS = 60_000;

  /** Unless it is there. */
  static void create(Options options) throws Exception {
    try (Admin admin = admin(options)) {
      Map<String, String> settings =
          options.isSet("flush")
              ? Map.of("min.insync.replicas", "2", "flush.messages", "1")
              : Map.of("min.insync.replicas", "2");
      NewTopic topic = new NewTopic(options.text("topic"), options.number("partitions"), REPLICAS).configs(settings);
      admin.createTopics(Set.of(topic)).all().get(20, TimeUnit.SECONDS);
    } catch (ExecutionException error) {
      if (!(error.getCause() instanceof TopicExistsException)) throw error;
    }
  }

  /** Answers when a record is acknowledged by brokers that are just being started. */
  static String first(Options options) throws Exception {
    long deadlineMs = System.currentTimeMillis() + FIRST_WITHIN_MS;
    for (; ; ) {
      try {
        create(options);
        break;
      } catch (Exception error) {
        if (System.currentTimeMillis() > deadlineMs) throw error;
        Thread.sleep(20);
      }
    }
    try (var producer = options.producer()) {
      producer.send(new ProducerRecord<>(options.text("topic"), "first".getBytes())).get();
    }
    return "{\"acknowledged\":true}";
  }

  /** Which broker leads the first partition, and how many replicas are in sync. */
  static String replicas(Options options) throws Exception {
    try (Admin admin = admin(options)) {
      String name = options.text("topic");
      TopicPartitionInfo partition =
          admin.describeTopics(Set.of(name)).allTopicNames().get(20, TimeUnit.SECONDS).get(name).partitions().get(0);
      return String.format(
          "{\"leader\":\"%d\",\"inSync\":%d}", partition.leader().id(), partition.isr().size());
    }
  }

  private static Admin admin(Options options) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", options.text("servers"));
    return Admin.create(properties);
  }
}
