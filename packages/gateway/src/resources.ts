/** Resources named by ARN: a stream, or a consumer of one. */
import type { ClusterMetadata, StreamView } from "@millrace/client";
import type { Consumer } from "@millrace/proto";
import { awsError } from "./errors.ts";
import { streamArn } from "./streams.ts";

const CONSUMER_ARN =
  /^arn:[^:]+:kinesis:([^:]*):(\d{12}):stream\/([a-zA-Z0-9_.-]+)\/consumer\/([a-zA-Z0-9_.-]+):(\d+)$/;
const STREAM_ARN = /^arn:[^:]+:kinesis:([^:]*):(\d{12}):stream\/([a-zA-Z0-9_.-]+)$/;

export interface Resource {
  readonly view: StreamView;
  /** Absent: the stream itself. */
  readonly consumer?: Consumer;
}

export function consumerArn(view: StreamView, { name, createdAtMs }: Consumer): string {
  return `${streamArn(view)}/consumer/${name}:${Math.floor(createdAtMs / 1_000)}`;
}

/** @throws AwsError RESOURCE_NOT_FOUND, STREAM_NOT_FOUND, CONSUMER_NOT_FOUND */
export function resourceOf(metadata: ClusterMetadata, arn: string): Resource {
  const [, region = "", accountId = "", name = ""] = STREAM_ARN.exec(arn) ?? [];
  if (name === "") return consumerOf(metadata, arn);
  const view = metadata.stream(accountId, region, name);
  if (view === undefined) throw awsError("STREAM_NOT_FOUND", { stream: name, accountId });
  return { view };
}

/** @throws AwsError RESOURCE_NOT_FOUND, CONSUMER_NOT_FOUND */
export function consumerOf(metadata: ClusterMetadata, arn: string): Required<Resource> {
  const [, region = "", accountId = "", name = "", consumerName = "", created = ""] = CONSUMER_ARN.exec(arn) ?? [];
  if (name === "") throw awsError("RESOURCE_NOT_FOUND", { text: `Resource ${arn} not found.` });
  const view = metadata.stream(accountId, region, name);
  const consumer = view?.stream.consumers.find((each) => each.name === consumerName);
  const isSame = consumer !== undefined && Math.floor(consumer.createdAtMs / 1_000) === Number(created);
  if (view === undefined || !isSame) throw awsError("CONSUMER_NOT_FOUND", { consumer: arn, accountId });
  return { view, consumer };
}
