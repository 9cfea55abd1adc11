import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;

/** What both halves use. A line for each check: the runner reads them. */
final class Checks {
  private Checks() {}

  static void check(String name, boolean condition, Object seen) {
    System.out.println((condition ? "ok     " : "FAILED ") + name + (condition ? "" : " " + seen));
    if (!condition) System.exit(1);
  }

  static String codeOf(CompletableFuture<?> call) {
    try {
      call.join();
      return "none";
    } catch (CompletionException error) {
      return ((AwsServiceException) error.getCause()).awsErrorDetails().errorCode();
    }
  }

  static void waitActive(KinesisAsyncClient client, String stream) {
    client.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
  }
}
