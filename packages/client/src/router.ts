import {
  type AppendResult,
  decodeAppendResult,
  decodeLocateResult,
  decodeReadResult,
  decodeThrottled,
  encodeAppendPrefix,
  encodeLocateRequest,
  encodeReadRequest,
  type LocateRequest,
  type LocateResult,
  type ReadRequest,
  type ReadResult,
  RequestKind,
  ShardLogStatus,
} from "@millrace/proto";
import type { Clock, Logger, Random } from "@millrace/util";
import { BrokerConnections } from "./broker-connections.ts";
import {
  AppendOutcomeUnknown,
  ShardClosed,
  ShardGone,
  ShardRequestRefused,
  ShardThrottled,
  ShardUnavailable,
} from "./errors.ts";
import type { ClusterMetadata } from "./metadata.ts";
import { AVOID_SILENT_MS, type Candidate, chooseReplica } from "./replica-choice.ts";
import type { RequestOutcome } from "./request-stream.ts";
import { backoffMs, retryUntilDeadline, TryAgain } from "./retry.ts";
import { newShardCall, type ShardCall } from "./shard-call.ts";
import type { ShardView } from "./stream-view.ts";
import { subscribeToGroup } from "./subscription.ts";
import type { AppendOptions, CallOptions, ShardRouter } from "./types.ts";

export interface ShardRouterOptions {
  readonly metadata: ClusterMetadata;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Per broker and direction; 64 MiB unless given. */
  readonly inFlightBytesMax?: number;
}

/** A router owns its connections: whoever made it closes it. */
export interface ClosableShardRouter extends ShardRouter {
  close(): void;
}

const BACKOFF_MIN_MS = 5;
const BACKOFF_MAX_MS = 50;
const HINTS_AT_ONCE_MAX = 2;
/** Silence of one broker for one attempt; doubles with each such attempt of a call. A hung leader costs no more. */
const ATTEMPT_TIMEOUT_MIN_MS = 1_000;
const ATTEMPT_TIMEOUT_MAX_MS = 8_000;
/** A group that is newer than our metadata is waited for so long; one that is gone is not waited for. */
const NEW_GROUP_WAIT_MS = 1_000;
/** After so long without a leader a read takes what any replica knows to be committed: a shard may have lost its quorum. */
const NO_LEADER_PATIENCE_MS = 1_500;

export function createShardRouter(options: ShardRouterOptions): ClosableShardRouter {
  return new GrpcShardRouter(options);
}

class GrpcShardRouter implements ClosableShardRouter {
  readonly #options: ShardRouterOptions;
  readonly #connections: BrokerConnections;
  readonly #leaders = new Map<number, string>();
  readonly #stopListening: () => void;

  constructor(options: ShardRouterOptions) {
    this.#options = options;
    this.#connections = new BrokerConnections({
      ...options,
      inFlightBytesMax: options.inFlightBytesMax,
      onLost: (nodeId) => this.#forgetLeader(nodeId),
    });
    this.#stopListening = options.metadata.onChange(() => this.#forgetDeletedGroups());
  }

  append(groupId: number, batch: Buffer, options: AppendOptions): Promise<AppendResult> {
    const body = [encodeAppendPrefix(groupId, options.quotas), batch];
    return this.#run(newShardCall(this.#options.clock, groupId, RequestKind.append, body, options, decodeAppendResult));
  }

  read(request: ReadRequest, options: CallOptions): Promise<ReadResult> {
    const body = [encodeReadRequest(request)];
    const { clock } = this.#options;
    const callOptions = { ...options, anyReplica: request.anyReplica };
    const call = newShardCall(clock, request.groupId, RequestKind.read, body, callOptions, decodeReadResult);
    if (!request.anyReplica) call.anyReplicaBody = [encodeReadRequest({ ...request, anyReplica: true })];
    return this.#run(call);
  }

  locate(request: LocateRequest, options: CallOptions): Promise<LocateResult> {
    const body = [encodeLocateRequest(request)];
    return this.#run(
      newShardCall(this.#options.clock, request.groupId, RequestKind.locate, body, options, decodeLocateResult),
    );
  }

  subscribe(groupId: number, fromOffset: number, signal: AbortSignal): AsyncIterable<ReadResult> {
    return subscribeToGroup({ ...this.#options, connections: this.#connections, groupId, fromOffset, signal });
  }

  close(): void {
    this.#stopListening();
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
    const reason = call.signal?.aborted === true ? "aborted" : call.reason;
    if (call.perhapsWritten) return new AppendOutcomeUnknown(call.groupId, reason);
    return new ShardUnavailable(call.groupId, reason);
  }

  /** One request to one replica. Errors are final; TryAgain is what may be repeated. */
  async #attempt<T>(call: ShardCall<T>): Promise<T | TryAgain> {
    const { clock, metadata } = this.#options;
    const shard = metadata.shardByGroup(call.groupId);
    if (shard === undefined) return this.#withoutMetadata(call);
    const nowMs = clock.monotonicMs();
    if (nowMs >= call.deadlineMs) return new TryAgain(0);
    const leaderId = this.#leaders.get(call.groupId) ?? (call.attempts === 0 ? shard.shard.replicas[0] : undefined);
    const context = { connections: this.#connections, metadata, nowMs };
    const candidate = chooseReplica(shard, leaderId, call, call.stream, context);
    call.attempts++;
    if (candidate === undefined) return this.#again(call, "disconnected");
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

  #unanswered<T>(
    call: ShardCall<T>,
    { nodeId }: Candidate,
    outcome: Exclude<RequestOutcome, { type: "answer" }>,
  ): TryAgain {
    if (outcome.type === "full") return this.#again(call, "overloaded");
    if (outcome.sent) call.perhapsWritten = call.isAppend;
    if (this.#leaders.get(call.groupId) === nodeId && outcome.type !== "aborted") this.#leaders.delete(call.groupId);
    if (outcome.type === "timedOut") {
      call.timeouts++;
      call.avoidSilentUntilMs = this.#options.clock.monotonicMs() + AVOID_SILENT_MS;
      return this.#again(call, "timedOut", 0);
    }
    return this.#again(call, outcome.type);
  }

  #answered<T>(call: ShardCall<T>, { nodeId }: Candidate, status: number, body: Buffer): T | TryAgain {
    const { groupId } = call;
    try {
      switch (status as ShardLogStatus) {
        case ShardLogStatus.ok:
          // A follower may answer a read of any replica: that makes it no leader.
          if (!call.isAnyReplica && this.#leaders.get(groupId) !== nodeId) this.#leaders.set(groupId, nodeId);
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
          if (this.#leaders.get(groupId) === nodeId) this.#leaders.delete(groupId);
          return this.#again(call, "unknownGroup");
        case ShardLogStatus.unknown:
        case ShardLogStatus.internal:
          call.perhapsWritten = call.isAppend;
          return this.#again(call, status === ShardLogStatus.unknown ? "noLeader" : "internal");
        case ShardLogStatus.corrupt:
          askAnyReplica(call);
          if (this.#leaders.get(groupId) === nodeId) this.#leaders.delete(groupId);
          return this.#again(call, "corrupt");
        case ShardLogStatus.badRequest:
          throw new ShardRequestRefused(groupId, "the broker could not read the request", call.written);
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
    const isUsable = hint !== "" && hint !== nodeId && this.#options.metadata.broker(hint) !== undefined;
    if (!isUsable) {
      if (this.#leaders.get(call.groupId) === nodeId) this.#leaders.delete(call.groupId);
      return this.#again(call, "noLeader");
    }
    this.#leaders.set(call.groupId, hint);
    call.hints++;
    // Two replicas that name each other agree only after a while.
    return this.#again(call, "noLeader", call.hints <= HINTS_AT_ONCE_MAX ? 0 : undefined);
  }

  #again<T>(call: ShardCall<T>, reason: ShardCall<T>["reason"], delayMs?: number): TryAgain {
    call.reason = reason;
    const isLeaderless = reason === "noLeader" || reason === "disconnected" || reason === "timedOut";
    if (isLeaderless && this.#options.clock.monotonicMs() - call.startedAtMs > NO_LEADER_PATIENCE_MS) {
      askAnyReplica(call);
    }
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
    throw new ShardGone(call.groupId, call.written);
  }

  #forgetLeader(nodeId: string): void {
    for (const [groupId, leaderId] of this.#leaders) if (leaderId === nodeId) this.#leaders.delete(groupId);
  }

  #forgetDeletedGroups(): void {
    const { metadata } = this.#options;
    if (this.#leaders.size <= metadata.groupCount) return;
    for (const groupId of this.#leaders.keys()) {
      if (metadata.shardByGroup(groupId) === undefined) this.#leaders.delete(groupId);
    }
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
