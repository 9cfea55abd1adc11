import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The load program for Kafka. The first argument is the mode, the others are key=value; the answer is one line of JSON. The same
 * modes as those of the programs for NATS (../nats) and Millrace (../../src/load).
 */
public final class KafkaLoad {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> given = new HashMap<>();
    for (String argument : Arrays.copyOfRange(arguments, 1, arguments.length)) {
      int at = argument.indexOf('=');
      given.put(argument.substring(0, at), argument.substring(at + 1));
    }
    Options options = new Options(given);
    String answer =
        switch (arguments[0]) {
          case "first" -> Topics.first(options);
          case "throughput" -> Load.throughput(options);
          case "paced" -> Load.paced(options);
          case "replicas" -> Topics.replicas(options);
          case "gaps" -> Gaps.gaps(options);
          default -> throw new IllegalArgumentException("no mode " + arguments[0]);
        };
    System.out.println(answer);
    // The client's threads are of no interest any more.
    System.exit(0);
  }
}
