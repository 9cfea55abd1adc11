/** Commands to the controllers, and what their refusals are called in AWS's words. */
import { createHash } from "node:crypto";
import { ControllerUnavailable } from "@millrace/client";
import type { Command, CommandError, CommandResult__Output } from "@millrace/proto";
import { AwsError, awsError, type ErrorCode } from "./errors.ts";
import type { ApiRequest } from "./http/api-types.ts";
import type { Services } from "./operations/operation.ts";
import { isRepetition } from "./records/put-plan.ts";

const COMMAND_TIMEOUT_MS = 10_000;
/** The next request of this client finds the decision's effect here. */
const METADATA_WAIT_MS = 2_000;

/**
 * Executes one decision, whatever the SDK and we repeat. Resolves when this gateway's metadata has its effect.
 * @throws AwsError
 */
export async function executeCommand(
  { controllers, metadata, random }: Services,
  { invocationId, operation, accountId, region, signal, body }: ApiRequest,
  command: Omit<Command, "commandId">,
  subject: { readonly stream: string },
): Promise<CommandResult__Output> {
  const commandId =
    invocationId === undefined
      ? random.bytes(16).toString("hex")
      : createHash("sha256")
          .update(JSON.stringify([invocationId, operation, accountId, region]))
          .update(body)
          .digest("hex");
  let result: CommandResult__Output;
  try {
    result = await controllers.execute({ ...command, commandId }, { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  } catch (error) {
    if (!(error instanceof ControllerUnavailable)) throw error;
    throw awsError("UNAVAILABLE", { text: "The controllers are not available. Retry the request." }, { cause: error });
  }
  if (result.error !== null) throw refusalOf(result.error, { ...subject, accountId, region });
  await metadata.waitForVersion(result.version, METADATA_WAIT_MS, signal);
  return result;
}

/** What a command's own effect makes a gateway say of the next one like it. The controllers say it too. */
const OWN_EFFECTS = new Set<ErrorCode>(["STREAM_NOT_ACTIVE", "SHARD_CLOSED", "CONSUMER_EXISTS"]);

/**
 * The same after `check`. Of a repeated request that finds what it asked for, the controllers are asked: they know whether its first
 * attempt was carried out, and its answer lost. @throws AwsError
 */
export async function executeChecked(
  services: Services,
  request: ApiRequest,
  command: Omit<Command, "commandId">,
  { stream, check }: { readonly stream: string; readonly check: () => void },
): Promise<void> {
  let refusal: AwsError | undefined;
  try {
    check();
  } catch (error) {
    const mayBeItsOwn = error instanceof AwsError && OWN_EFFECTS.has(error.code) && isRepetition(request);
    if (!mayBeItsOwn) throw error;
    refusal = error;
  }
  try {
    await executeCommand(services, request, command, { stream });
  } catch (error) {
    const isRefused = error instanceof AwsError && error.status < 500;
    throw isRefused ? (refusal ?? error) : error;
  }
}

interface Subject {
  readonly stream: string;
  readonly accountId: string;
  readonly region: string;
}

function refusalOf({ code, message, details }: CommandError, { stream, accountId, region }: Subject): AwsError {
  switch (code) {
    case "STREAM_EXISTS":
      return awsError("STREAM_EXISTS", { stream, accountId });
    case "STREAM_HAS_CONSUMERS":
      return awsError("STREAM_HAS_CONSUMERS", { stream, accountId });
    case "TOO_MANY_TAGS":
      return awsError("TOO_MANY_TAGS", { stream, accountId, limit: 50 });
    case "CONSUMER_EXISTS":
      return awsError("RESOURCE_IN_USE", { text: message });
    case "CONSUMER_NOT_FOUND":
      return awsError("RESOURCE_NOT_FOUND", { text: message });
    case "SHARD_NOT_FOUND":
    case "SHARD_CLOSED":
    case "SPLIT_KEY":
    case "NOT_ADJACENT":
      // The gateway's own check words these; this one lost a race.
      return awsError("INVALID_ARGUMENT", { text: message });
    case "STREAM_NOT_FOUND":
      return awsError("STREAM_NOT_FOUND", { stream, accountId });
    case "STREAM_NOT_ACTIVE":
      return awsError("STREAM_NOT_ACTIVE", { stream, accountId, state: details.state ?? "UPDATING" });
    case "SHARD_LIMIT_EXCEEDED":
      return awsError("SHARD_LIMIT", {
        accountId,
        region,
        shardCount: Number(details.current),
        limit: Number(details.limit),
        additionalCount: Number(details.additional),
      });
    case "STREAMS_CREATING_LIMIT_EXCEEDED":
    case "ON_DEMAND_LIMIT_EXCEEDED":
    case "LIMIT_EXCEEDED":
      return awsError("LIMIT_EXCEEDED", { text: message });
    case "INVALID_ARGUMENT":
      return awsError("INVALID_ARGUMENT", { text: message });
    default:
      // NOT_ENOUGH_ZONES and whatever a newer controller says: it may pass.
      return awsError("UNAVAILABLE", { text: message });
  }
}
