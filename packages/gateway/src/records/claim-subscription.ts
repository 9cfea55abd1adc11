import { ShardGone, ShardUnavailable, type ShardView } from "@millrace/client";
import type { ClaimRequest, ClaimVerdict } from "@millrace/proto";
import { awsError } from "../errors.ts";
import type { Services } from "../operations/operation.ts";

const CLAIM_TIMEOUT_MS = 5_000;
const RENEW_EVERY_MS = 2_000;
const RELEASE_TIMEOUT_MS = 1_000;
/** As long as the shard may take to have a leader again, which then finds what was asked of it before. */
const WITHDRAWAL_TIMEOUT_MS = 10_000;
const SUBSCRIPTION_ID_SIZE_BYTES = 16;

/** The one subscription of a consumer to a shard, across all gateways. */
export interface ClaimedSubscription {
  /** Aborts when a later one has taken over. */
  readonly superseded: AbortSignal;
  end(): Promise<void>;
}

/** Asks the shard's leader, and keeps asking until the end. @throws AwsError UNAVAILABLE, STREAM_NOT_FOUND */
export async function claimSubscription(
  services: Services,
  shard: ShardView,
  consumer: string,
  signal: AbortSignal,
): Promise<ClaimedSubscription | "inUse"> {
  const { clock, random, router } = services;
  const { groupId, shardId, stream } = shard;
  const base = {
    ...{ groupId, consumer, startedMs: clock.nowMs() },
    subscriptionId: random.bytes(SUBSCRIPTION_ID_SIZE_BYTES).toString("hex"),
  };
  const claim = (kind: ClaimRequest["kind"], timeoutMs: number, until?: AbortSignal): Promise<ClaimVerdict> =>
    router.claim({ ...base, kind }, { timeoutMs, ...(until === undefined ? {} : { signal: until }) });
  try {
    if ((await claim("first", CLAIM_TIMEOUT_MS, signal)) === "inUse") return "inUse";
  } catch (error) {
    // It may be granted yet, when a broker that hangs goes on: nobody would have the shard, and the next subscription be refused.
    claim("release", WITHDRAWAL_TIMEOUT_MS).catch(() => undefined);
    const { name, accountId } = stream.key;
    if (error instanceof ShardGone) throw awsError("STREAM_NOT_FOUND", { stream: name, accountId }, { cause: error });
    if (!(error instanceof ShardUnavailable)) throw error;
    throw awsError("UNAVAILABLE", { text: `${shardId} is not available. Retry the request.` }, { cause: error });
  }
  const ended = new AbortController();
  const superseded = new AbortController();
  // The request's end is enough: an answer that nobody takes is never begun, nor ended.
  const over = AbortSignal.any([ended.signal, signal]);
  const renewing = (async () => {
    while (!over.aborted) {
      try {
        await clock.sleep(RENEW_EVERY_MS, over);
        if ((await claim("renewal", CLAIM_TIMEOUT_MS, over)) !== "superseded") continue;
        superseded.abort();
        return;
      } catch {
        // Nobody leads, or this is the end: the events themselves tell which.
      }
    }
  })();
  return {
    superseded: superseded.signal,
    end: async () => {
      ended.abort();
      await renewing;
      if (superseded.signal.aborted) return;
      try {
        await claim("release", RELEASE_TIMEOUT_MS);
      } catch {
        // It runs out by itself.
      }
    },
  };
}
