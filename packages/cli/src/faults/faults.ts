import type { Faults } from "@millrace/proto";
import type { ControllersTarget } from "../controllers-of.ts";
import { newCommandId, withControllers } from "../reach-controllers.ts";

const TIMEOUT_MS = 5_000;

export interface FaultsTarget extends ControllersTarget {
  readonly accountId: string;
  readonly region: string;
}

export interface StreamFaultsSummary {
  readonly stream: string;
  readonly accountId: string;
  readonly region: string;
  readonly faults: Faults;
}

/** Replaces all faults of a stream; none when all are zero. @throws Error in words for people */
export async function setFaults(target: FaultsTarget, name: string, faults: Faults): Promise<void> {
  const { accountId, region } = target;
  await withControllers(target, async (controllers) => {
    const key = { accountId, region, name };
    const command = { commandId: newCommandId(), updateStream: { key, faults } };
    const { error } = await controllers.execute(command, { timeoutMs: TIMEOUT_MS });
    if (error !== null) throw new Error(`stream ${name} of account ${accountId} in ${region}: ${error.message}`);
  });
}

/** `orders: 20 % throttled, 100 ms slower` */
export function describeFaults({ stream, faults }: StreamFaultsSummary): string {
  const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;
  const { throttledShare, internalFailureShare, latencyMs, expiredIteratorShare } = faults;
  const words = [
    throttledShare > 0 ? `${percent(throttledShare)} throttled` : "",
    internalFailureShare > 0 ? `${percent(internalFailureShare)} InternalFailure` : "",
    expiredIteratorShare > 0 ? `${percent(expiredIteratorShare)} expired iterators` : "",
    latencyMs > 0 ? `${latencyMs} ms slower` : "",
  ];
  return `${stream}: ${words.filter((word) => word !== "").join(", ")}`;
}
