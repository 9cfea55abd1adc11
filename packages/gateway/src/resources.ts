/** Resources named by ARN: a stream, or a consumer of one. */
import type { ClusterMetadata, StreamView } from "@millrace/client";
import type { Consumer } from "@millrace/proto";
import { parseArn } from "./arns.ts";
import { awsError } from "./errors.ts";
import { type Caller, streamArn, streamOf } from "./streams.ts";

export interface Resource {
  readonly view: StreamView;
  /** Absent: the stream itself. */
  readonly consumer?: Consumer;
}

export function consumerArn(view: StreamView, { name, createdAtMs }: Consumer): string {
  return `${streamArn(view)}/consumer/${name}:${Math.floor(createdAtMs / 1_000)}`;
}

/** @throws AwsError RESOURCE_NOT_FOUND, STREAM_NOT_FOUND, CONSUMER_NOT_FOUND */
export function resourceOf(metadata: ClusterMetadata, arn: string, caller: Caller): Resource {
  const parsed = parseArn(arn, caller.region);
  if (parsed === undefined || parsed.consumer !== undefined) return consumerOf(metadata, arn, caller);
  return { view: streamOf(metadata, { StreamARN: arn }, caller) };
}

/** @throws AwsError RESOURCE_NOT_FOUND, CONSUMER_NOT_FOUND */
export function consumerOf(metadata: ClusterMetadata, arn: string, caller: Caller): Required<Resource> {
  const parsed = parseArn(arn, caller.region);
  if (parsed?.consumer === undefined) {
    throw awsError("RESOURCE_NOT_FOUND", { text: `Resource ${arn} not found.` });
  }
  const { accountId, region, name } = parsed.key;
  const view = parsed.isHere ? metadata.stream(accountId, region, name) : undefined;
  const consumer = view?.stream.consumers.find((each) => each.name === parsed.consumer);
  // One that was made anew is another one.
  if (view === undefined || consumer === undefined || consumerArn(view, consumer) !== arn) {
    throw awsError("CONSUMER_NOT_FOUND", { consumer: arn, accountId });
  }
  return { view, consumer };
}
