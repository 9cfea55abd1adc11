/**
 * Faults that a stream's users rehearse: the answers that Kinesis gives now and then, in the shares that were asked for. Nothing
 * here runs for a stream that has none, and nothing is stored that is answered as failed.
 */
import type { StreamView } from "@millrace/client";
import { awsError } from "./errors.ts";
import type { Services } from "./operations/operation.ts";

/** Slow, and InternalFailure at times: for every call of the data path, after its input was checked. @throws AwsError */
export async function rehearseCall(
  { clock, random }: Services,
  { stream }: StreamView,
  signal: AbortSignal,
): Promise<void> {
  const { faults } = stream;
  if (!faults) return;
  if (faults.latencyMs > 0) await clock.sleep(faults.latencyMs, signal);
  if (random.next() < faults.internalFailureShare) throw awsError("INTERNAL_FAILURE", {});
}

/** `draw` decides, from 0 to 1. */
export function isThrottledByFault({ stream }: StreamView, draw: number): boolean {
  return draw < (stream.faults?.throttledShare ?? 0);
}

export function isExpiredByFault({ random }: Services, { stream }: StreamView): boolean {
  const share = stream.faults?.expiredIteratorShare ?? 0;
  return share > 0 && random.next() < share;
}
