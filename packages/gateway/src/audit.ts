import type { AuditLog, Clock } from "@millrace/util";
import type { ApiRequest } from "./http/api-types.ts";
import type { Refused } from "./http/serve.ts";
import type { OperationName } from "./model/shapes.ts";
import { parseInput } from "./protocol/read-input.ts";

/** The data path: millions a minute, and not what an audit asks for. */
const DATA_OPERATIONS: ReadonlySet<OperationName> = new Set([
  "PutRecord",
  "PutRecords",
  "GetRecords",
  "GetShardIterator",
  "SubscribeToShard",
]);

/** Does it change something that is not a record? */
export function isAudited(operation: OperationName): boolean {
  return !DATA_OPERATIONS.has(operation) && !/^(Describe|List|Get)/.test(operation);
}

const REFUSED_A_SECOND_MAX = 10;

/** What the gateway tells its audit log. */
export class GatewayAudit {
  readonly #log: AuditLog;
  readonly #clock: Clock;
  #secondStartMs = -Infinity;
  #refusedInSecond = 0;
  #omitted = 0;

  constructor(log: AuditLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** To be called while the request's body is valid. */
  answered(request: ApiRequest, outcome: string): void {
    const { operation, accessKeyId, accountId, region, requestId, from } = request;
    if (!isAudited(operation)) return;
    const { stream, subject } = subjectOf(request);
    this.#log({ operation, who: accessKeyId, from, outcome, stream, subject, accountId, region, requestId });
  }

  /** Nobody has proved who they are: they must not be able to fill the disk. */
  refused({ operation, claimedKeyId, from, outcome, requestId }: Refused): void {
    if (!isAudited(operation)) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#secondStartMs >= 1_000) {
      this.#secondStartMs = nowMs;
      this.#refusedInSecond = 0;
    }
    if (this.#refusedInSecond >= REFUSED_A_SECOND_MAX) {
      this.#omitted++;
      return;
    }
    this.#refusedInSecond++;
    const omitted = this.#omitted === 0 ? undefined : this.#omitted;
    this.#omitted = 0;
    this.#log({ operation, who: claimedKeyId, from, outcome, requestId, omitted });
  }
}

/** Tags and policies are of a stream, which is named anyway, or of a consumer. */
function consumerIn(resourceArn: string | undefined): string | undefined {
  return resourceArn?.includes("/consumer/") === true ? resourceArn : undefined;
}

/** What of the input says what it was about; nothing of an input that makes no sense. */
function subjectOf({ operation, encoding, body }: ApiRequest): { stream?: string; subject?: string } {
  let input: Readonly<Record<string, unknown>>;
  try {
    input = parseInput(operation, encoding, body) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
  const text = (key: string): string | undefined => (typeof input[key] === "string" ? input[key] : undefined);
  const arn = text("StreamARN") ?? text("ResourceARN") ?? text("ConsumerARN");
  const stream = text("StreamName") ?? /:stream\/([^/]+)/.exec(arn ?? "")?.[1];
  const shard = text("ShardToSplit") ?? text("ShardToMerge");
  const consumer = text("ConsumerName") ?? text("ConsumerARN") ?? consumerIn(text("ResourceARN"));
  const subject = shard ?? consumer;
  return { ...(stream === undefined ? {} : { stream }), ...(subject === undefined ? {} : { subject }) };
}
