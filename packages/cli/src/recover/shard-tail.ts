import { type ClusterMetadata, createShardRouter } from "@millrace/client";
import { formatSequenceNumber, type NodeCredentials, type Shard } from "@millrace/proto";
import { type Clock, errorMessage, type Logger, type Random } from "@millrace/util";

interface Reaching {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nodeCredentials: NodeCredentials | undefined;
  readonly metadata: ClusterMetadata;
}

const LEADER_TIMEOUT_MS = 30_000;

/** The last record that is there, once the shard is led again: what came after it is what may be missing. */
export async function describeTail(reaching: Reaching, { groupId, number, createdAtS }: Shard): Promise<string> {
  const router = createShardRouter(reaching);
  const call = { timeoutMs: LEADER_TIMEOUT_MS };
  try {
    const request = { groupId, target: "tail", timeMs: 0 } as const;
    const { startOffset, endOffset, lastArrivalTimeMs } = await router.locate(request, call);
    if (startOffset === endOffset) return "recovered; it has no records: what was put into it, if anything, is lost";
    const last = formatSequenceNumber({
      shardCreatedAtS: createdAtS,
      shardNumber: number,
      index: BigInt(endOffset - 1),
      timeS: Math.floor(lastArrivalTimeMs / 1_000),
    });
    const when = new Date(lastArrivalTimeMs).toISOString();
    return `recovered up to sequence number ${last}, put at ${when}; later puts, if there were any, are lost`;
  } catch (error) {
    // It is decided all the same.
    return `recovered; where it ends is not known yet: ${errorMessage(error)}`;
  } finally {
    router.close();
  }
}
