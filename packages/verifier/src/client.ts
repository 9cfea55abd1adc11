import { KinesisClient } from "@aws-sdk/client-kinesis";

export interface Target {
  /** http://host:port */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The SDK as an application has it: its own retries, nothing set but where to. */
export function clientFor({ endpoint, region, accessKeyId, secretAccessKey }: Target): KinesisClient {
  return new KinesisClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
}
