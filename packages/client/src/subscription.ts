import { type ReadRequest, type ReadResult, decodeReadResult, readBatchHeader } from "@millrace/proto";
import { type Clock, errorMessage, KIB, type Logger, type Random } from "@millrace/util";
import type { BrokerConnection } from "./broker-connection.ts";
import type { BrokerConnections } from "./broker-connections.ts";
import { ShardGone, ShardUnavailable } from "./errors.ts";
import type { LeaderFinder } from "./leader-finder.ts";
import type { ClusterMetadata } from "./metadata.ts";
import { NotLeading } from "./network.ts";
import { backoffMs } from "./retry.ts";
import type { CallOptions } from "./types.ts";

export interface SubscriptionOptions {
  readonly groupId: number;
  /** Below the oldest record: from the oldest. */
  readonly fromOffset: number;
  readonly signal: AbortSignal;
  readonly metadata: ClusterMetadata;
  readonly connections: BrokerConnections;
  readonly finder: LeaderFinder;
  readonly read: (request: ReadRequest, options: CallOptions) => Promise<ReadResult>;
  readonly isClosed: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 500;
/** When a shard has had no leader for so long, its records are read page by page from any replica. */
const LEADER_PATIENCE_MS = 1_500;
const PAGE_BYTES_MAX = 512 * KIB;
const PAGE_TIMEOUT_MS = 3_000;

/**
 * Committed batches as they commit, from the shard's leader, across leader changes, each once and in order. Ends after the last
 * record of a closed shard, and when the signal aborts.
 * @throws ShardGone. ShardUnavailable when the router was closed.
 */
export async function* subscribeToGroup(options: SubscriptionOptions): AsyncGenerator<ReadResult, void, void> {
  const { groupId, signal, metadata, connections, finder, clock, random } = options;
  const state: State = { nextOffset: options.fromOffset, failures: 0, reachedEnd: false };
  let guess = metadata.shardByGroup(groupId)?.shard.replicas[0];
  while (!signal.aborted) {
    if (options.isClosed()) throw new ShardUnavailable(groupId, "closed");
    if (metadata.shardByGroup(groupId) === undefined) throw new ShardGone(groupId, "no");
    const nodeId = finder.leaderOf(groupId) ?? guess;
    guess = undefined;
    if (nodeId === undefined) {
      await finder.find(groupId, clock.monotonicMs() + LEADER_PATIENCE_MS, signal);
      if (finder.leaderOf(groupId) === undefined) yield* pageOfAnyReplica(options, state);
      continue;
    }
    const connection = connections.to(nodeId);
    if (connection !== undefined) yield* pushedBy(options, state, nodeId, connection);
    if (state.reachedEnd) return;
    if (connection === undefined || !connection.mayConnect) finder.lost(groupId, nodeId);
    // A leader that breaks off at once, again and again, is given time.
    if (state.failures > 1) await sleep(clock, backoffMs(random, state.failures, RETRY_MIN_MS, RETRY_MAX_MS), signal);
  }
}

interface State {
  nextOffset: number;
  /** In a row, without a frame between them. */
  failures: number;
  reachedEnd: boolean;
}

async function* pushedBy(
  { groupId, signal, finder, logger }: SubscriptionOptions,
  state: State,
  nodeId: string,
  connection: BrokerConnection,
): AsyncGenerator<ReadResult, void, void> {
  const source = await connection.subscribe(groupId, state.nextOffset);
  if (source === undefined) {
    state.failures++;
    finder.lost(groupId, nodeId);
    return;
  }
  // At once: a reader that is busy with a page when it ends asks for no other, and this goes no further.
  const onAbort = (): void => connection.release(source);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for await (const { payload } of source) {
      const result = decodeReadResult(payload);
      state.nextOffset = Math.max(state.nextOffset, endOf(result));
      state.failures = 0;
      yield result;
    }
    state.reachedEnd = connection.isHeld(source);
    if (!state.reachedEnd) finder.lost(groupId, nodeId);
  } catch (error) {
    state.failures++;
    logger.debug({ groupId, nodeId, failures: state.failures }, `a subscription broke: ${errorMessage(error)}`);
    finder.lost(groupId, nodeId);
    // It may know who does.
    if (error instanceof NotLeading && error.leaderId !== "" && finder.leaderOf(groupId) === undefined) {
      finder.found(groupId, error.leaderId);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    connection.release(source);
  }
}

/** While nobody leads, nothing is written: what is there can be had from anybody who has it. */
async function* pageOfAnyReplica(options: SubscriptionOptions, state: State): AsyncGenerator<ReadResult, void, void> {
  const { groupId, signal, read } = options;
  const request = { groupId, fromOffset: state.nextOffset, bytesMax: PAGE_BYTES_MAX, quotas: false, anyReplica: true };
  try {
    const result = await read(request, { timeoutMs: PAGE_TIMEOUT_MS, signal });
    if (result.batches.length === 0) return;
    state.nextOffset = Math.max(state.nextOffset, endOf(result));
    yield result;
  } catch (error) {
    if (!(error instanceof ShardUnavailable)) throw error;
  }
}

/** One past the last record. */
function endOf({ batches }: ReadResult): number {
  let end = 0;
  for (let at = 0; at < batches.length;) {
    const header = readBatchHeader(batches, at);
    end = header.baseOffset + header.recordCount;
    at += header.sizeBytes;
  }
  return end;
}

async function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(delayMs, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
