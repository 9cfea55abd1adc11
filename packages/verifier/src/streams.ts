import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
} from "@aws-sdk/client-kinesis";

const ACTIVE_WITHIN_MS = 15_000;

/** Creates a provisioned stream and waits until it is ACTIVE. */
export async function createStream(
  client: KinesisClient,
  name: string,
  shardCount: number,
  activeWithinMs = ACTIVE_WITHIN_MS,
): Promise<void> {
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shardCount }));
  const deadline = performance.now() + activeWithinMs;
  for (;;) {
    if ((await statusOf(client, name)) === "ACTIVE") return;
    if (performance.now() > deadline) throw new Error(`stream ${name} is not ACTIVE after ${activeWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Undefined as long as the gateway that was asked has not heard of it: behind one address there may be several. */
async function statusOf(client: KinesisClient, name: string): Promise<string | undefined> {
  try {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }));
    return answer.StreamDescriptionSummary?.StreamStatus;
  } catch (error) {
    if ((error as Error).name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

export async function deleteStream(client: KinesisClient, name: string): Promise<void> {
  await client.send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }));
}
