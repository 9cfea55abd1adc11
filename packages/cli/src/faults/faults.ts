import { connectControllers, type ControllerConnection } from "@millrace/client";
import type { Faults, NodeCredentials } from "@millrace/proto";
import { errorMessage, realWorld, silentLogger } from "@millrace/util";

const TIMEOUT_MS = 5_000;

export interface FaultsTarget {
  /** host:port */
  readonly controllers: readonly string[];
  readonly nodeCredentials?: NodeCredentials | undefined;
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
export async function setFaults(
  { controllers: addresses, nodeCredentials, accountId, region }: FaultsTarget,
  name: string,
  faults: Faults,
): Promise<void> {
  await withControllers({ addresses, nodeCredentials }, async (controllers, commandId) => {
    const key = { accountId, region, name };
    const { error } = await controllers.execute(
      { commandId, updateStream: { key, faults } },
      { timeoutMs: TIMEOUT_MS },
    );
    if (error !== null) throw new Error(`stream ${name} of account ${accountId} in ${region}: ${error.message}`);
  });
}

async function withControllers(
  where: { readonly addresses: readonly string[]; readonly nodeCredentials: NodeCredentials | undefined },
  run: (controllers: ControllerConnection, commandId: string) => Promise<void>,
): Promise<void> {
  const { clock, random } = realWorld();
  const controllers = connectControllers({ ...where, clock, random, logger: silentLogger });
  try {
    await run(controllers, random.bytes(16).toString("hex"));
  } catch (error) {
    throw new Error(errorMessage(error), { cause: error });
  } finally {
    controllers.close();
  }
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
