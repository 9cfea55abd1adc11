/** Names of resources. A region is in one partition and serves its own resources only: an ARN of elsewhere names nothing here. */
import type { StreamKey } from "@millrace/proto";

/** Of regions that begin so; all others are in `aws`. */
const PARTITIONS: readonly (readonly [regionPrefix: string, partition: string])[] = [
  ["cn-", "aws-cn"],
  ["us-gov-", "aws-us-gov"],
  ["us-iso-", "aws-iso"],
  ["us-isob-", "aws-iso-b"],
  ["eu-isoe-", "aws-iso-e"],
  ["us-isof-", "aws-iso-f"],
  ["eusc-", "aws-eusc"],
];

export function partitionOf(region: string): string {
  return PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "aws";
}

export function arnOfStream({ accountId, region, name }: StreamKey): string {
  return `arn:${partitionOf(region)}:kinesis:${region}:${accountId}:stream/${name}`;
}

export interface ResourceArn {
  readonly key: StreamKey;
  /** Its name. Absent: the stream itself. */
  readonly consumer: string | undefined;
  /** Is it one of the region that is asked, and of that region's partition? */
  readonly isHere: boolean;
}

const STREAM_OR_CONSUMER =
  /^arn:([^:]+):kinesis:([^:]*):(\d{12}):stream\/([a-zA-Z0-9_.-]+)(?:\/consumer\/([a-zA-Z0-9_.-]+):\d+)?$/;

/** Undefined: not the ARN of a stream or of a consumer. */
export function parseArn(text: string, askedRegion: string): ResourceArn | undefined {
  const match = STREAM_OR_CONSUMER.exec(text);
  if (match === null) return undefined;
  const [, partition = "", region = "", accountId = "", name = "", consumer] = match;
  const isHere = region === askedRegion && partition === partitionOf(region);
  return { key: { accountId, region, name }, consumer, isHere };
}
