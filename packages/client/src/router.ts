import {
  type AppendResult,
  type ClaimRequest,
  type ClaimVerdict,
  decodeAppendResult,
  decodeClaimVerdict,
  decodeLocateResult,
  decodeReadResult,
  decodeThrottled,
  encodeAppendPrefix,
  encodeClaimRequest,
  encodeLocateRequest,
  encodeReadRequest,
  type LocateRequest,
  type LocateResult,
  type NodeCredentials,
  type ReadRequest,
  type ReadResult,
  RequestKind,
  ShardLogStatus,
} from "@millrace/proto";
import { type Clock, type Logger, MIB, type Random } from "@millrace/util";
import { BrokerConnections } from "./broker-connections.ts";
import {
  AppendOutcomeUnknown,
  ShardClosed,
  ShardGone,
  ShardRequestRefused,
  ShardThrottled,
  ShardUnavailable,
} from "./errors.ts";
import { connectShardLogOverGrpc } from "./grpc-shard-log.ts";
import { LeaderFinder } from "./leader-finder.ts";
import type { ClusterMetadata } from "./metadata.ts";
import type { ConnectShardLog } from "./network.ts";
import { type Candidate, chooseReplica } from "./replica-choice.ts";
import type { RequestOutcome } from "./request-stream.ts";
import { backoffMs, retryUntilDeadline, TryAgain } from "./retry.ts";
import { newShardCall, type ShardCall, writtenOf } from "./shard-call.ts";
import type { ShardView } from "./stream-view.ts";
import { subscribeToGroup } from "./subscription.ts";
import type { AppendOptions, CallOptions, RoutedReadResult, ShardRouter } from "./types.ts";

export interface ShardRouterOptions {
  readonly metadata: ClusterMetadata;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Per broker and direction; 64 MiB unless given. */
  readonly inFlightBytesMax?: number;
  /** Of all appends that wait, for an answer, a leader or room; 256 MiB unless given. */
  readonly heldBytesMax?: number;
  /** Plain text unless given. */
  readonly nodeCredentials?: NodeCredentials | undefined;
  /** gRPC unless given. */
  readonly connect?: ConnectShardLog;
}

/** A router owns its connections: whoever made it closes it. */
export interface ClosableShardRouter extends ShardRouter {
  close(): void;
}

const BACKOFF_MIN_MS = 5;
const BACKOFF_MAX_MS = 50;
/** Two replicas that name each other agree only after a while. */
const HINTS_AT_ONCE_MAX = 2;
const HELD_BYTES_MAX = 256 * MIB;
/** Silence of one broker for one attempt; doubles with each such attempt of a call. A hung leader costs no more. */
const ATTEMPT_TIMEOUT_MIN_MS = 1_000;
const ATTEMPT_TIMEOUT_MAX_MS = 8_000;
/** A group that is newer than our metadata is waited for so long; one that is gone is not waited for. */
const NEW_GROUP_WAIT_MS = 1_000;
/** When a shard has had no leader for so long, a read takes what any replica knows to be committed: a shard may have lost its quorum. */
const NO_LEADER_PATIENCE_MS = 1_500;

export function createShardRouter(options: ShardRouterOptions): ClosableShardRouter {
  return new LeaderShardRouter(options);
}

class LeaderShardRouter implements ClosableShardRouter {
  readonly #options: ShardRouterOptions;
  readonly #connections: BrokerConnections;
  readonly #finder: LeaderFinder;
  readonly #stopListening: () => void;
  #heldBytes = 0;
  #closed = false;

  constructor(options: ShardRouterOptions) {
    this.#options = options;
    const { metadata, clock, random } = options;
    const connections = new BrokerConnections({
      ...options,
      connect: options.connect ?? connectShardLogOverGrpc(options.nodeCredentials),
      inFlightBytesMax: options.inFlightBytesMax,
      onLost: (nodeId) => this.#finder.nodeLost(nodeId),
    });
    this.#connections = connections;
    this.#finder = new LeaderFinder({ metadata, connections, clock, random });
    this.#stopListening = metadata.onChange(() => this.#finder.forgetDeletedGroups());
  }

  async append(groupId: number, batch: Buffer, options: AppendOptions): Promise<AppendResult> {
    const { clock, heldBytesMax = HELD_BYTES_MAX } = this.#options;
    if (this.#heldBytes > 0 && this.#heldBytes + batch.length > heldBytesMax) {
      throw new ShardUnavailable(groupId, "overloaded");
    }
    const body = [encodeAppendPrefix(groupId, options.quotas, options.trace), batch];
    this.#heldBytes += batch.length;
    try {
      return await this.#run(newShardCall(clock, groupId, RequestKind.append, body, options, decodeAppendResult));
    } finally {
      this.#heldBytes -= batch.length;
    }
  }

  async read(request: ReadRequest, options: CallOptions): Promise<RoutedReadResult> {
    const body = [encodeReadRequest(request)];
    const { clock } = this.#options;
    const call = newShardCall(clock, request.groupId, RequestKind.read, body, options, decodeReadResult);
    call.isAnyReplica = request.anyReplica;
    if (!request.anyReplica) call.anyReplicaBody = [encodeReadRequest({ ...request, anyReplica: true })];
    const result = await this.#run(call);
    return { isCurrent: !call.isAnyReplica, ...result };
  }

  claim(request: ClaimRequest, options: CallOptions): Promise<ClaimVerdict> {
    const body = [encodeClaimRequest(request)];
    const { clock } = this.#options;
    return this.#run(newShardCall(clock, request.groupId, RequestKind.claim, body, options, decodeClaimVerdict));
  }

  locate(request: LocateRequest, options: CallOptions): Promise<LocateResult> {
    const body = [encodeLocateRequest(request)];
    return this.#run(
      newShardCall(this.#options.clock, request.groupId, RequestKind.locate, body, options, decodeLocateResult),
    );
  }

  subscribe(groupId: number, fromOffset: number, signal: AbortSignal): AsyncIterable<ReadResult> {
    const { metadata, clock, random, logger } = this.#options;
    return subscribeToGroup({
      groupId,
      fromOffset,
      signal,
      metadata,
      clock,
      random,
      logger,
      connections: this.#connections,
      finder: this.#finder,
      read: (request, options) => this.read(request, options),
      isClosed: () => this.#closed,
    });
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#finder.close();
    this.#connections.close();
  }

  /** The common case, one attempt, costs no retry machinery. */
  async #run<T>(call: ShardCall<T>): Promise<T> {
    const { clock } = this.#options;
    const { deadlineMs, signal } = call;
    let first: T | TryAgain;
    if (signal?.aborted === true) throw this.#gaveUp(call);
    first = await this.#attempt(call);
    if (!(first instanceof TryAgain)) return first;
    try {
      return await retryUntilDeadline(
        async () => {
          const result = await this.#attempt(call);
          if (result instanceof TryAgain) throw result;
          return result;
        },
        { clock, deadlineMs, signal, initialDelayMs: first.delayMs },
      );
    } catch (error) {
      throw error instanceof TryAgain ? this.#gaveUp(call) : error;
    }
  }

  #gaveUp<T>(call: ShardCall<T>): Error {
    const reason = this.#closed ? "closed" : call.signal?.aborted === true ? "aborted" : call.reason;
    if (call.perhapsWritten) return new AppendOutcomeUnknown(call.groupId, reason);
    return new ShardUnavailable(call.groupId, reason);
  }

  /** One request to one replica, or a search for the one to ask. Errors are final; TryAgain is what may be repeated. */
  async #attempt<T>(call: ShardCall<T>): Promise<T | TryAgain> {
    const { clock, metadata } = this.#options;
    if (this.#closed) throw this.#gaveUp(call);
    const shard = metadata.shardByGroup(call.groupId);
    if (shard === undefined) return this.#withoutMetadata(call);
    const nowMs = clock.monotonicMs();
    if (nowMs >= call.deadlineMs) return new TryAgain(0);
    const candidate = call.isAnyReplica
      ? chooseReplica(shard, call, { connections: this.#connections, metadata, nowMs })
      : this.#leaderFor(call, shard, nowMs);
    call.attempts++;
    if (candidate === undefined) {
      return call.isAnyReplica ? this.#again(call, "disconnected") : this.#findLeader(call, nowMs);
    }
    call.rotation++;
    call.lastNodeId = candidate.nodeId;
    const outcome = await candidate.connection[call.stream].request({
      kind: call.kind,
      body: call.body,
      timeoutAtMs: Math.min(call.deadlineMs, nowMs + attemptTimeoutMs(call)),
      signal: call.signal,
    });
    if (outcome.type === "answer") return this.#answered(call, candidate, outcome.status, outcome.body);
    return this.#unanswered(call, candidate, outcome);
  }

  /** The believed leader, or on a call's first attempt the preferred one; undefined when it is better to ask around. */
  #leaderFor<T>(call: ShardCall<T>, { shard }: ShardView, nowMs: number): Candidate | undefined {
    const known = this.#finder.leaderOf(call.groupId);
    const nodeId = known ?? (call.attempts === 0 ? shard.replicas[0] : undefined);
    if (nodeId === undefined) return undefined;
    if (shard.forgotten.includes(nodeId)) {
      this.#finder.lost(call.groupId, nodeId);
      return undefined;
    }
    const connection = this.#connections.to(nodeId);
    const isGuessDown = known === undefined && this.#options.metadata.broker(nodeId)?.state === "DOWN";
    const isSilent = nodeId !== call.doubtedNodeId && connection?.isSilent(nowMs) === true;
    if (connection?.mayConnect === true && !isSilent && !isGuessDown) return { nodeId, connection };
    call.doubtedNodeId = nodeId;
    this.#finder.lost(call.groupId, nodeId);
    return undefined;
  }

  async #findLeader<T>(call: ShardCall<T>, nowMs: number): Promise<TryAgain> {
    const { groupId, deadlineMs, signal } = call;
    const patienceMs = Math.max(0, NO_LEADER_PATIENCE_MS - this.#finder.leaderlessForMs(groupId));
    const untilMs = call.anyReplicaBody === undefined ? deadlineMs : Math.min(deadlineMs, nowMs + patienceMs);
    await this.#finder.find(groupId, untilMs, signal);
    // By the same clock and number as the wait: a remainder lost to rounding must not be waited for again, and again.
    if (this.#finder.leaderOf(groupId) === undefined && this.#options.clock.monotonicMs() >= untilMs)
      askAnyReplica(call);
    return this.#again(call, "noLeader", 0);
  }

  #unanswered<T>(
    call: ShardCall<T>,
    { nodeId }: Candidate,
    outcome: Exclude<RequestOutcome, { type: "answer" }>,
  ): TryAgain {
    const { type } = outcome;
    if (type === "full") return this.#again(call, "overloaded");
    if (outcome.sent) call.perhapsWritten = call.isAppend;
    if (type === "aborted") return this.#again(call, "aborted", 0);
    if (type === "timedOut") {
      call.timeouts++;
      call.doubtedNodeId = nodeId;
    }
    if (!call.isAnyReplica) this.#finder.lost(call.groupId, nodeId);
    // At once: either a search is next, or another replica. Where there is no other, waits grow.
    return this.#again(call, type, call.isAnyReplica ? undefined : 0);
  }

  #answered<T>(call: ShardCall<T>, { nodeId }: Candidate, status: number, body: Buffer): T | TryAgain {
    const { groupId } = call;
    try {
      switch (status as ShardLogStatus) {
        case ShardLogStatus.ok:
          // A follower may answer a read of any replica: that makes it no leader.
          if (!call.isAnyReplica) this.#finder.found(groupId, nodeId);
          return call.decode(body);
        case ShardLogStatus.notLeader:
          return this.#redirected(call, nodeId, body.toString());
        case ShardLogStatus.closed:
          throw new ShardClosed(groupId);
        case ShardLogStatus.throttled:
          // After a try that perhaps wrote, the quota says nothing about it: only the shard's own answer will do.
          if (call.perhapsWritten) return this.#again(call, "throttled", BACKOFF_MAX_MS);
          throw new ShardThrottled(groupId, decodeThrottled(body));
        case ShardLogStatus.overloaded:
          return this.#again(call, "overloaded");
        case ShardLogStatus.diskFull:
          // Leadership moves to a broker with room, if there is one.
          return this.#again(call, "diskFull", BACKOFF_MAX_MS);
        case ShardLogStatus.unknownGroup:
          this.#finder.lost(groupId, nodeId);
          return this.#again(call, "unknownGroup");
        case ShardLogStatus.unknown:
          call.perhapsWritten = call.isAppend;
          this.#finder.lost(groupId, nodeId);
          return this.#again(call, "noLeader");
        case ShardLogStatus.internal:
          call.perhapsWritten = call.isAppend;
          return this.#again(call, "internal");
        case ShardLogStatus.corrupt:
          askAnyReplica(call);
          return this.#again(call, "corrupt");
        case ShardLogStatus.badRequest:
          throw new ShardRequestRefused(groupId, "the broker could not read the request", writtenOf(call));
        default:
          throw new ShardRequestRefused(groupId, `unknown answer ${status}`, call.isAppend ? "perhaps" : "no");
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const written = call.isAppend ? "perhaps" : "no";
      throw new ShardRequestRefused(groupId, "the broker's answer is malformed", written, { cause: error });
    }
  }

  #redirected<T>(call: ShardCall<T>, nodeId: string, hint: string): TryAgain {
    this.#finder.lost(call.groupId, nodeId);
    const isUsable = hint !== "" && hint !== nodeId && this.#options.metadata.broker(hint) !== undefined;
    // Others may have found the leader meanwhile: what they know is newer.
    if (isUsable && ++call.hints <= HINTS_AT_ONCE_MAX && this.#finder.leaderOf(call.groupId) === undefined) {
      this.#finder.found(call.groupId, hint);
    }
    return this.#again(call, "noLeader", 0);
  }

  #again<T>(call: ShardCall<T>, reason: ShardCall<T>["reason"], delayMs?: number): TryAgain {
    call.reason = reason;
    if (delayMs !== undefined) return new TryAgain(delayMs);
    return new TryAgain(backoffMs(this.#options.random, call.backoffs++, BACKOFF_MIN_MS, BACKOFF_MAX_MS));
  }

  /** Our metadata has no such group: it is deleted, or too new for us. */
  async #withoutMetadata<T>(call: ShardCall<T>): Promise<TryAgain> {
    const { metadata, clock } = this.#options;
    const isNewer = call.groupId > metadata.groupIdMax;
    const leftMs = call.deadlineMs - clock.monotonicMs();
    if (isNewer && !call.hasWaitedForMetadata) {
      call.hasWaitedForMetadata = true;
      await waitForGroup(metadata, call.groupId, Math.min(NEW_GROUP_WAIT_MS, leftMs), clock);
      if (metadata.shardByGroup(call.groupId) !== undefined) return this.#again(call, "unknownGroup", 0);
    }
    throw new ShardGone(call.groupId, writtenOf(call));
  }
}

function askAnyReplica(call: ShardCall<unknown>): void {
  if (call.anyReplicaBody === undefined) return;
  call.body = call.anyReplicaBody;
  call.isAnyReplica = true;
}

function attemptTimeoutMs(call: ShardCall<unknown>): number {
  return Math.min(ATTEMPT_TIMEOUT_MAX_MS, ATTEMPT_TIMEOUT_MIN_MS * 2 ** call.timeouts);
}

async function waitForGroup(
  metadata: ClusterMetadata,
  groupId: number,
  timeoutMs: number,
  clock: Clock,
): Promise<ShardView | undefined> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  while (metadata.shardByGroup(groupId) === undefined) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (!(await metadata.waitForVersion(metadata.version + 1, leftMs))) return undefined;
  }
  return metadata.shardByGroup(groupId);
}
