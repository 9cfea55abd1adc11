import java.net.URI;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;

/** The AWS SDK for Java v2: ENDPOINT. The asynchronous client, for only it has SubscribeToShard. */
public final class JavaCheck {
  public static void main(String[] arguments) throws Exception {
    KinesisAsyncClient client =
        KinesisAsyncClient.builder()
            .endpointOverride(URI.create(arguments[0]))
            .region(Region.US_EAST_1)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any")))
            .build();
    System.out.println("version " + VersionInfo.SDK_VERSION);
    String name = "java-" + System.currentTimeMillis();
    new Operations(client, name).check();
    new Records(client, name + "-records").check();
    System.exit(0);
  }
}
