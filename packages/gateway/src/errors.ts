/**
 * The only file that knows an AWS error's name, status and wording. Operations throw `awsError(code, fields)`; the
 * HTTP layer writes what the table says. Sources of the texts: real answers of the service, recorded by its users;
 * where none is known, a text of ours under the documented name.
 */
import { MillraceError } from "@millrace/util";

interface ErrorRow<Fields> {
  readonly name: string;
  readonly status: number;
  /** `undefined`: the body carries `__type` only. */
  readonly message: (fields: Fields) => string | undefined;
  /** How the body spells the text's key. Type errors alone have a capital M. */
  readonly messageMember: "message" | "Message";
}

function row<Fields>(
  name: string,
  message: (fields: Fields) => string | undefined,
  { status = 400, messageMember = "message" as "message" | "Message" } = {},
): ErrorRow<Fields> {
  return { name, status, message, messageMember };
}

interface StreamFields {
  readonly stream: string;
  readonly accountId: string;
}
type ShardFields = StreamFields & { readonly shardId: string };
type TextField = { readonly text: string };
type NoFields = Readonly<Record<string, never>>;

/** `YYYYMMDDTHHMMSSZ`, the way of SigV4. */
export function isoBasic(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** `Thu Jan 22 01:22:02 UTC 2015`, the way of Java's Date. */
export function javaDate(epochMs: number): string {
  const [weekday, day, month, year, time] = new Date(epochMs).toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}

export const AWS_ERRORS = {
  // Reading the request
  SERIALIZATION: row<NoFields>("SerializationException", () => undefined),
  WRONG_TYPE: row<TextField>("SerializationException", (e) => e.text, { messageMember: "Message" }),
  UNKNOWN_OPERATION: row<NoFields>("UnknownOperationException", () => undefined),
  VALIDATION: row<{ readonly violations: readonly string[] }>(
    "ValidationException",
    ({ violations }) =>
      `${violations.length} validation error${violations.length === 1 ? "" : "s"} detected: ${violations.join("; ")}`,
  ),
  /** A refusal under the validation name that is no constraint of the model. */
  REQUEST_INVALID: row<TextField>("ValidationException", (e) => e.text),
  INVALID_ARGUMENT: row<TextField>("InvalidArgumentException", (e) => e.text),

  // Who asks
  MISSING_AUTHENTICATION: row<NoFields>("MissingAuthenticationTokenException", () => "Missing Authentication Token"),
  INCOMPLETE_SIGNATURE: row<TextField>("IncompleteSignatureException", (e) => e.text),
  TWO_SIGNATURES: row<NoFields>(
    "InvalidSignatureException",
    () => "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
  ),
  UNKNOWN_ACCESS_KEY: row<NoFields>(
    "UnrecognizedClientException",
    () => "The security token included in the request is invalid.",
  ),
  EXPIRED_TOKEN: row<NoFields>("ExpiredTokenException", () => "The security token included in the request is expired"),
  WRONG_SIGNATURE: row<NoFields>(
    "InvalidSignatureException",
    () =>
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access " +
      "Key and signing method. Consult the service documentation for details.",
  ),
  WRONG_SCOPE: row<TextField>("InvalidSignatureException", (e) => e.text),
  SIGNATURE_EXPIRED: row<{ readonly requestMs: number; readonly nowMs: number; readonly toleranceMs: number }>(
    "InvalidSignatureException",
    ({ requestMs, nowMs, toleranceMs }) =>
      `Signature expired: ${isoBasic(requestMs)} is now earlier than ${isoBasic(nowMs - toleranceMs)} ` +
      `(${isoBasic(nowMs)} - ${toleranceMs / 60_000} min.)`,
  ),
  SIGNATURE_NOT_YET_CURRENT: row<{ readonly requestMs: number; readonly nowMs: number; readonly toleranceMs: number }>(
    "InvalidSignatureException",
    ({ requestMs, nowMs, toleranceMs }) =>
      `Signature not yet current: ${isoBasic(requestMs)} is still later than ${isoBasic(nowMs + toleranceMs)} ` +
      `(${isoBasic(nowMs)} + ${toleranceMs / 60_000} min.)`,
  ),
  ACCESS_DENIED: row<{ readonly principal: string; readonly operation: string; readonly resourceArn: string }>(
    "AccessDeniedException",
    (e) =>
      `User: ${e.principal} is not authorized to perform: kinesis:${e.operation} on resource: ${e.resourceArn} ` +
      `because no resource-based policy allows the kinesis:${e.operation} action`,
  ),
  DRY_RUN: row<NoFields>(
    "DryRunOperationException",
    () => "The request was rejected because the DryRun parameter was specified",
  ),

  // Our own state
  INTERNAL_FAILURE: row<NoFields>("InternalFailure", () => undefined, { status: 500 }),
  /** The outcome of a write is not known, or a part is away for a moment: SDKs retry it. */
  UNAVAILABLE: row<TextField>("ServiceUnavailableException", (e) => e.text, { status: 503 }),

  // Streams
  STREAM_NOT_FOUND: row<StreamFields>(
    "ResourceNotFoundException",
    (e) => `Stream ${e.stream} under account ${e.accountId} not found.`,
  ),
  STREAM_EXISTS: row<StreamFields>(
    "ResourceInUseException",
    (e) => `Stream ${e.stream} under account ${e.accountId} already exists.`,
  ),
  STREAM_NOT_ACTIVE: row<StreamFields & { readonly state: string }>(
    "ResourceInUseException",
    (e) => `Stream ${e.stream} under account ${e.accountId} not ACTIVE, instead in state ${e.state}`,
  ),
  STREAM_HAS_CONSUMERS: row<StreamFields>(
    "ResourceInUseException",
    (e) =>
      `DeleteStream can't delete ${e.accountId}:${e.stream} because there are consumers associated with this data ` +
      `stream. To delete ${e.stream} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion ` +
      "of all the consumers that are associated with it.",
  ),
  STREAM_UNNAMED: row<NoFields>("InvalidArgumentException", () => "Neither streamArn or streamName was provided"),
  STREAM_MISMATCH: row<{ readonly stream: string; readonly streamArn: string }>(
    "InvalidArgumentException",
    (e) => `StreamName ${e.stream} and StreamARN ${e.streamArn} do not name the same stream.`,
  ),
  SHARD_LIMIT: row<{
    readonly accountId: string;
    readonly region: string;
    readonly shardCount: number;
    readonly limit: number;
    readonly additionalCount: number;
  }>(
    "LimitExceededException",
    (e) =>
      `This request would exceed the shard limit for the account ${e.accountId} in ${e.region}. Current shard count ` +
      `for the account: ${e.shardCount}. Limit: ${e.limit}. Number of additional shards that would have resulted ` +
      `from this request: ${e.additionalCount}. Refer to the AWS Service Limits page ` +
      "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request " +
      "higher limits.",
  ),
  LIMIT_EXCEEDED: row<TextField>("LimitExceededException", (e) => e.text),
  STREAM_RATE_EXCEEDED: row<StreamFields>(
    "LimitExceededException",
    (e) => `Rate exceeded for stream ${e.stream} under account ${e.accountId}.`,
  ),
  ACCOUNT_RATE_EXCEEDED: row<{ readonly accountId: string }>(
    "LimitExceededException",
    (e) => `Rate exceeded for account ${e.accountId}.`,
  ),
  ON_DEMAND_REFUSED: row<StreamFields>(
    "ValidationException",
    (e) => `Request is invalid. Stream ${e.stream} under account ${e.accountId} is in On-Demand mode.`,
  ),

  // Shards
  SHARD_NOT_FOUND: row<ShardFields>(
    "ResourceNotFoundException",
    (e) => `Could not find shard ${e.shardId} in stream ${e.stream} under account ${e.accountId}.`,
  ),
  SHARD_DOES_NOT_EXIST: row<ShardFields>(
    "ResourceNotFoundException",
    (e) => `Shard ${e.shardId} in stream ${e.stream} under account ${e.accountId} does not exist`,
  ),
  SHARD_CLOSED: row<ShardFields>(
    "InvalidArgumentException",
    (e) =>
      `Shard ${e.shardId} in stream ${e.stream} under account ${e.accountId} has already been merged or split, and ` +
      "thus is not eligible for merging or splitting.",
  ),
  SPLIT_KEY: row<
    ShardFields & { readonly hashKey: string; readonly startingHashKey: string; readonly endingHashKey: string }
  >(
    "InvalidArgumentException",
    (e) =>
      `NewStartingHashKey ${e.hashKey} used in SplitShard() on shard ${e.shardId} in stream ${e.stream} under account ` +
      `${e.accountId} is not both greater than one plus the shard's StartingHashKey ${e.startingHashKey} and less ` +
      `than the shard's EndingHashKey ${e.endingHashKey}.`,
  ),
  NOT_ADJACENT: row<ShardFields & { readonly adjacentShardId: string }>(
    "InvalidArgumentException",
    (e) =>
      `Shards ${e.shardId} and ${e.adjacentShardId} in stream ${e.stream} under account ${e.accountId} are not an ` +
      "adjacent pair of shards eligible for merging",
  ),
  SCALE_UP: row<{ readonly openShardCount: number; readonly targetShardCount: number }>(
    "InvalidArgumentException",
    (e) =>
      "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: " +
      `${e.openShardCount} Target shard count: ${e.targetShardCount}`,
  ),
  SCALE_DOWN: row<{ readonly openShardCount: number; readonly targetShardCount: number }>(
    "InvalidArgumentException",
    (e) =>
      "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: " +
      `${e.openShardCount} Target shard count: ${e.targetShardCount}`,
  ),

  // Paging
  TOKEN_OR_STREAM: row<NoFields>(
    "InvalidArgumentException",
    () => "Either NextToken or StreamName should be provided.",
  ),
  TOKEN_AND_STREAM: row<NoFields>(
    "InvalidArgumentException",
    () => "NextToken and StreamName cannot be provided together.",
  ),
  TOKEN_AND_MEMBER: row<{ readonly member: string }>(
    "InvalidArgumentException",
    (e) => `NextToken and ${e.member} cannot be provided together.`,
  ),
  INVALID_TOKEN: row<NoFields>("InvalidArgumentException", () => "The provided nextToken is invalid."),
  EXPIRED_TOKEN_PAGE: row<NoFields>(
    "ExpiredNextTokenException",
    () => "The provided nextToken has expired. Start the listing again without it.",
  ),

  // Writing
  INVALID_EXPLICIT_HASH_KEY: row<{ readonly hashKey: string }>(
    "InvalidArgumentException",
    (e) =>
      `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${e.hashKey}`,
  ),
  INVALID_MINIMUM_SEQUENCE_NUMBER: row<StreamFields & { readonly sequenceNumber: string }>(
    "InvalidArgumentException",
    (e) =>
      `ExclusiveMinimumSequenceNumber ${e.sequenceNumber} used in PutRecord on stream ${e.stream} under account ` +
      `${e.accountId} is invalid.`,
  ),
  RECORDS_TOO_LARGE: row<{ readonly limitMib: number }>(
    "InvalidArgumentException",
    (e) => `Records size exceeds ${e.limitMib} MB limit`,
  ),
  WRITE_RATE_EXCEEDED: row<ShardFields>(
    "ProvisionedThroughputExceededException",
    (e) => `Rate exceeded for shard ${e.shardId} in stream ${e.stream} under account ${e.accountId}.`,
  ),
  CLUSTER_RATE_EXCEEDED: row<NoFields>(
    "ProvisionedThroughputExceededException",
    () => "Rate exceeded: more is being put than can be stored in time. Reduce the frequency or size of your requests.",
  ),

  // Reading
  INVALID_ITERATOR: row<NoFields>("InvalidArgumentException", () => "Invalid ShardIterator."),
  EXPIRED_ITERATOR: row<{ readonly createdMs: number; readonly nowMs: number; readonly toleranceMs: number }>(
    "ExpiredIteratorException",
    (e) =>
      `Iterator expired. The iterator was created at time ${javaDate(e.createdMs)} while right now it is ` +
      `${javaDate(e.nowMs)} which is further in the future than the tolerated delay of ${e.toleranceMs} milliseconds.`,
  ),
  READ_RATE_EXCEEDED: row<ShardFields>(
    "ProvisionedThroughputExceededException",
    (e) => `Rate exceeded for shard ${e.shardId} in stream ${e.stream} under account ${e.accountId}.`,
  ),
  ITERATOR_TYPE_AND_NUMBER: row<{ readonly type: string; readonly hasSequenceNumber: boolean }>(
    "InvalidArgumentException",
    (e) =>
      "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) " +
      `TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ${e.type} and ` +
      `${e.hasSequenceNumber ? "also a" : "no"} StartingSequenceNumber.`,
  ),
  STARTING_NUMBER_INVALID: row<ShardFields & { readonly sequenceNumber: string }>(
    "InvalidArgumentException",
    (e) =>
      `StartingSequenceNumber ${e.sequenceNumber} used in GetShardIterator on shard ${e.shardId} in stream ` +
      `${e.stream} under account ${e.accountId} is invalid.`,
  ),
  STARTING_NUMBER_OTHER_SHARD: row<{ readonly encodedShardId: string; readonly shardId: string }>(
    "InvalidArgumentException",
    (e) =>
      `Invalid StartingSequenceNumber. It encodes ${e.encodedShardId}, while it was used in a call to a shard with ` +
      e.shardId,
  ),
  STARTING_NUMBER_OTHER_STREAM: row<ShardFields & { readonly sequenceNumber: string }>(
    "InvalidArgumentException",
    (e) =>
      `StartingSequenceNumber ${e.sequenceNumber} used in GetShardIterator on shard ${e.shardId} in stream ` +
      `${e.stream} under account ${e.accountId} is invalid because it did not come from this stream.`,
  ),
  TIMESTAMP_MISSING: row<NoFields>(
    "InvalidArgumentException",
    () =>
      "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp " +
      "parameter.",
  ),
  TIMESTAMP_IN_FUTURE: row<{ readonly timestampMs: number; readonly nowMs: number }>(
    "InvalidArgumentException",
    (e) =>
      "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: " +
      `${e.timestampMs}, currentTimestampInMillis: ${e.nowMs}`,
  ),

  // Retention
  RETENTION_TOO_SHORT: row<{ readonly hours: number }>(
    "InvalidArgumentException",
    (e) => `Minimum allowed retention period is 24 hours. Requested retention period (${e.hours} hours) is too short.`,
  ),
  RETENTION_TOO_LONG: row<{ readonly hours: number }>(
    "InvalidArgumentException",
    (e) => `Maximum allowed retention period is 8760 hours. Requested retention period (${e.hours} hours) is too long.`,
  ),
  RETENTION_NOT_INCREASED: row<{ readonly stream: string; readonly hours: number; readonly currentHours: number }>(
    "InvalidArgumentException",
    (e) =>
      `Requested retention period (${e.hours} hours) for stream ${e.stream} can not be shorter than existing ` +
      `retention period (${e.currentHours} hours). Use DecreaseRetentionPeriod API.`,
  ),
  RETENTION_NOT_DECREASED: row<{ readonly stream: string; readonly hours: number; readonly currentHours: number }>(
    "InvalidArgumentException",
    (e) =>
      `Requested retention period (${e.hours} hours) for stream ${e.stream} can not be longer than existing ` +
      `retention period (${e.currentHours} hours). Use IncreaseRetentionPeriod API.`,
  ),

  // Tags
  TAG_CHARACTERS: row<NoFields>(
    "InvalidArgumentException",
    () =>
      "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.",
  ),
  TAG_ILLEGAL_CHARACTERS: row<StreamFields & { readonly verb: "add" | "remove" }>(
    "InvalidArgumentException",
    (e) =>
      `Failed to ${e.verb} tags ${e.verb === "add" ? "to" : "from"} stream ${e.stream} under account ${e.accountId} ` +
      "because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, " +
      "'_',',','/','=','+','-','@'.",
  ),
  TOO_MANY_TAGS: row<StreamFields & { readonly limit: number }>(
    "InvalidArgumentException",
    (e) =>
      `Failed to add tags to stream ${e.stream} under account ${e.accountId} because a given stream cannot have more ` +
      `than ${e.limit} tags associated with it.`,
  ),

  // Consumers and policies
  CONSUMER_EXISTS: row<StreamFields & { readonly consumer: string }>(
    "ResourceInUseException",
    (e) => `Consumer ${e.consumer} under stream ${e.stream} already exists for account ${e.accountId}.`,
  ),
  CONSUMER_NOT_FOUND: row<{ readonly consumer: string; readonly accountId: string }>(
    "ResourceNotFoundException",
    (e) => `Consumer ${e.consumer}, account ${e.accountId} not found.`,
  ),
  CONSUMER_NOT_ACTIVE: row<StreamFields & { readonly consumer: string; readonly creationSeconds: number }>(
    "ResourceInUseException",
    (e) =>
      `Consumer ${e.consumer} with creation timestamp ${e.creationSeconds} under stream: ${e.stream} , account ` +
      `${e.accountId} is not in ACTIVE status.`,
  ),
  SUBSCRIPTION_IN_USE: row<ShardFields & { readonly consumer: string }>(
    "ResourceInUseException",
    (e) =>
      `Another active subscription exists for this consumer: ${e.accountId}:${e.stream}:${e.shardId}:${e.consumer}`,
  ),
  POLICY_NOT_FOUND: row<{ readonly resourceArn: string }>(
    "ResourceNotFoundException",
    (e) => `No resource policy found for resource ARN ${e.resourceArn}.`,
  ),
  RESOURCE_NOT_FOUND: row<TextField>("ResourceNotFoundException", (e) => e.text),
  RESOURCE_IN_USE: row<TextField>("ResourceInUseException", (e) => e.text),
  /** Queues only. */
  THROTTLED: row<TextField>("ThrottlingException", (e) => e.text),
};

export type ErrorCode = keyof typeof AWS_ERRORS;
export type ErrorFields<C extends ErrorCode> = Parameters<(typeof AWS_ERRORS)[C]["message"]>[0];

/** An answer that is an error of the API. Thrown by operations and by everything before them; written by the HTTP layer. */
export class AwsError extends MillraceError {
  readonly code: ErrorCode;
  readonly awsName: string;
  readonly status: number;
  /** Absent: the body carries `__type` only. */
  readonly text: string | undefined;
  readonly messageMember: "message" | "Message";

  constructor(code: ErrorCode, text: string | undefined, options?: { cause?: unknown }) {
    super(text ?? AWS_ERRORS[code].name, options);
    this.code = code;
    this.awsName = AWS_ERRORS[code].name;
    this.status = AWS_ERRORS[code].status;
    this.text = text;
    this.messageMember = AWS_ERRORS[code].messageMember;
  }
}

/** Makes the error of a table row; the compiler knows which fields its text needs. */
export function awsError<C extends ErrorCode>(
  code: C,
  fields: ErrorFields<C>,
  options?: { cause?: unknown },
): AwsError {
  const build = AWS_ERRORS[code].message as (fields: ErrorFields<C>) => string | undefined;
  return new AwsError(code, build(fields), options);
}

/** What there is no room for now, and nothing was done about. */
export function serverBusy(): AwsError {
  return awsError("UNAVAILABLE", { text: "The server is busy. Retry the request." });
}
