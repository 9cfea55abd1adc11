import { type ClientReadableStream, type ServiceError, status } from "@grpc/grpc-js";
import { decodeReadResult, type RawFrame, readBatchHeader, type ReadResult } from "@millrace/proto";
import type { Clock, Logger, Random } from "@millrace/util";
import type { BrokerConnections } from "./broker-connections.ts";
import { cancelSoon } from "./cancel-soon.ts";
import { ShardGone } from "./errors.ts";
import type { ClusterMetadata } from "./metadata.ts";
import { backoffMs } from "./retry.ts";

export interface SubscriptionOptions {
  readonly groupId: number;
  /** Below the oldest record: from the oldest. */
  readonly fromOffset: number;
  readonly signal: AbortSignal;
  readonly metadata: ClusterMetadata;
  readonly connections: BrokerConnections;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 500;

/**
 * Committed batches as they commit, from the shard's leader, across leader changes, each once and in order. Ends after the last
 * record of a closed shard, and when the signal aborts. @throws ShardGone
 */
export async function* subscribeToGroup(options: SubscriptionOptions): AsyncGenerator<ReadResult, void, void> {
  const { groupId, signal, metadata, connections, clock, random } = options;
  let nextOffset = options.fromOffset;
  let hint: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const replicas = metadata.shardByGroup(groupId)?.shard.replicas;
    if (replicas === undefined) throw new ShardGone(groupId, "no");
    const nodeId = hint ?? replicas[failures % replicas.length] ?? "";
    const client = connections.to(nodeId)?.subscribeClient();
    hint = undefined;
    if (client !== undefined) {
      const call = client.subscribe({ groupId, fromOffset: nextOffset }) as ClientReadableStream<RawFrame>;
      const onAbort = (): void => cancelSoon(call);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        for await (const { payload } of call as AsyncIterable<RawFrame>) {
          failures = 0;
          const result = decodeReadResult(payload);
          nextOffset = Math.max(nextOffset, endOf(result));
          yield result;
        }
        return;
      } catch (error) {
        const { code, details } = error as ServiceError;
        if (signal.aborted) return;
        // The one that was asked does not lead: it may know who does.
        if (code === status.FAILED_PRECONDITION && details !== "" && details !== nodeId) hint = details;
      } finally {
        signal.removeEventListener("abort", onAbort);
        cancelSoon(call);
      }
    }
    failures++;
    if (hint === undefined || failures > 2) await clock.sleep(backoffMs(random, failures, RETRY_MIN_MS, RETRY_MAX_MS));
  }
}

function endOf({ batches }: ReadResult): number {
  let end = 0;
  for (let at = 0; at < batches.length;) {
    const header = readBatchHeader(batches, at);
    end = header.baseOffset + header.recordCount;
    at += header.sizeBytes;
  }
  return end;
}
