import { type ServerWritableStream, status as grpcStatus } from "@grpc/grpc-js";
import { NotLeader } from "@millrace/multiraft";
import {
  decodeAppendRequest,
  decodeClaimRequest,
  decodeLocateRequest,
  decodeReadRequest,
  encodeClaimVerdict,
  encodeReadResultPrefix,
  type FrameItem,
  type RawFrame,
  RequestKind,
  type ShardLogHandlers,
  ShardLogStatus,
  type SubscribeRequest,
} from "@millrace/proto";
import { type Clock, errorMessage, KIB, type Logger, MIB, type Tracer } from "@millrace/util";
import type { BrokerNode } from "../node.ts";
import { LeadershipUnproven } from "../shard/leadership-proof.ts";
import { type ItemCall, type RespondItem, serveItems } from "./item-stream.ts";

const OPEN_APPENDS_MAX = 4_096;
const OPEN_READS_MAX = 16;
const READ_BYTES_MAX = 16 * MIB;
const LOCATE_TIMEOUT_MS = 2_000;
const SUBSCRIBE_PAGE_BYTES = 512 * KIB;
/** Of pages that the client has not taken: one is on its way while the next is made. */
const SUBSCRIBE_UNSENT_BYTES_MAX = SUBSCRIBE_PAGE_BYTES;
const NOTHING: readonly Buffer[] = [];
const STATUS_NAMES = new Map<number, string>(Object.entries(ShardLogStatus).map(([name, status]) => [status, name]));

export interface ServiceObserver {
  /** One append was answered. */
  appended(status: ShardLogStatus, sizeBytes: number, durationMs: number): void;
  read(status: ShardLogStatus, sizeBytes: number): void;
}

export interface ServiceOptions {
  readonly node: () => BrokerNode | undefined;
  readonly logger: Logger;
  readonly observer: ServiceObserver;
  readonly clock: Clock;
  readonly tracer?: Tracer | undefined;
}

/** The data path's service. Until the broker knows who it is, it knows no group. */
export function shardLogHandlers(options: ServiceOptions): ShardLogHandlers {
  const { logger } = options;
  return {
    Append: (call: unknown) =>
      serveItems(call as ItemCall, {
        openMax: OPEN_APPENDS_MAX,
        logger,
        handle: (item, respond) => handleAppend(options, item, respond),
      }),
    Read: (call: unknown) =>
      serveItems(call as ItemCall, {
        openMax: OPEN_READS_MAX,
        logger,
        handle: (item, respond) => handleRead(options, item, respond),
      }),
    Subscribe: (call: unknown) => subscribe(options, call as ServerWritableStream<SubscribeRequest, RawFrame>),
  };
}

function handleAppend({ node, observer, clock, tracer }: ServiceOptions, item: FrameItem, respond: RespondItem): void {
  if (item.kind !== RequestKind.append) {
    respond(ShardLogStatus.badRequest, NOTHING);
    return;
  }
  const { groupId, quotas, batch, trace } = decodeAppendRequest(item.body);
  const shard = node()?.shard(groupId);
  if (shard === undefined) {
    respond(ShardLogStatus.unknownGroup, NOTHING);
    return;
  }
  const startMs = clock.monotonicMs();
  const attributes = { "millrace.group": groupId, "millrace.bytes": batch.length };
  const span = trace === undefined ? undefined : tracer?.startPart("append", "server", trace, attributes);
  shard.append({ batch, quotas }, (status, body) => {
    span?.end({ error: status === ShardLogStatus.ok ? undefined : STATUS_NAMES.get(status) });
    observer.appended(status, batch.length, clock.monotonicMs() - startMs);
    respond(status, [body]);
  });
}

function handleRead(options: ServiceOptions, item: FrameItem, respond: RespondItem): void {
  const { node, logger, observer, clock } = options;
  const failed = (error: unknown): void => {
    if (error instanceof NotLeader) {
      respond(ShardLogStatus.notLeader, [Buffer.from(error.leaderId ?? "")]);
      return;
    }
    const isTimeout = error instanceof LocateTimedOut || error instanceof LeadershipUnproven;
    if (!isTimeout) logger.error({ error: errorMessage(error) }, "a read failed");
    respond(isTimeout ? ShardLogStatus.notLeader : ShardLogStatus.internal, NOTHING);
  };
  if (item.kind === RequestKind.read) {
    const request = decodeReadRequest(item.body);
    const shard = node()?.shard(request.groupId);
    if (shard === undefined) {
      respond(ShardLogStatus.unknownGroup, NOTHING);
      return;
    }
    const bounded = { ...request, bytesMax: Math.min(request.bytesMax, READ_BYTES_MAX) };
    shard
      .read(bounded, (status, body) => {
        let sizeBytes = 0;
        for (const piece of body) sizeBytes += piece.length;
        observer.read(status, sizeBytes);
        respond(status, body);
      })
      .catch(failed);
    return;
  }
  if (item.kind === RequestKind.claim) {
    const request = decodeClaimRequest(item.body);
    const shard = node()?.shard(request.groupId);
    if (shard === undefined) respond(ShardLogStatus.unknownGroup, NOTHING);
    else if (!shard.isLeading) respond(ShardLogStatus.notLeader, [Buffer.from(shard.group.leaderId ?? "")]);
    else {
      const verdict = shard.claims.claim(request, clock.monotonicMs());
      respond(ShardLogStatus.ok, [encodeClaimVerdict(verdict)]);
    }
    return;
  }
  if (item.kind === RequestKind.locate) {
    const request = decodeLocateRequest(item.body);
    const shard = node()?.shard(request.groupId);
    if (shard === undefined) respond(ShardLogStatus.unknownGroup, NOTHING);
    else {
      const timeout = new AbortController();
      const timer = clock.setTimer(LOCATE_TIMEOUT_MS, () => timeout.abort(new LocateTimedOut()));
      shard
        .locate(request, (status, body) => respond(status, [body]), timeout.signal)
        .catch(failed)
        .finally(() => timer.cancel());
    }
    return;
  }
  respond(ShardLogStatus.badRequest, NOTHING);
}

/** Nobody confirmed that this replica leads. */
class LocateTimedOut extends Error {}

/** Pushes committed batches as they commit, at the pace that the client takes them. */
function subscribe({ node, logger }: ServiceOptions, call: ServerWritableStream<SubscribeRequest, RawFrame>): void {
  const { groupId, fromOffset } = call.request as { groupId: number; fromOffset: number };
  const shard = node()?.shard(groupId);
  if (shard === undefined) {
    call.emit("error", { code: grpcStatus.NOT_FOUND, details: `group ${groupId} is not hosted here` });
    return;
  }
  let isOver = false;
  let unsentBytes = 0;
  let wake: (() => void) | undefined;
  const signal = (): void => wake?.();
  const stopListening = shard.onCommit(signal);
  const over = (): void => {
    isOver = true;
    stopListening();
    signal();
  };
  for (const event of ["cancelled", "close", "error"]) call.on(event, over);
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const push = async (): Promise<void> => {
    let next = fromOffset;
    while (!isOver) {
      // A follower hears of commits a moment later than the leader does.
      if (!shard.isLeading) {
        const details = shard.group.leaderId ?? "";
        call.emit("error", { code: grpcStatus.FAILED_PRECONDITION, details });
        return;
      }
      const { position, batches, nextOffset } = await shard.page(next, SUBSCRIBE_PAGE_BYTES);
      if (batches.length === 0) {
        if (position.closed) break;
        if (shard.position.endOffset === position.endOffset && shard.isLeading && !isOver) await wait();
        continue;
      }
      next = nextOffset;
      const payload = Buffer.concat([encodeReadResultPrefix(position), ...batches]);
      unsentBytes += payload.length;
      call.write({ payload }, () => {
        unsentBytes -= payload.length;
        signal();
      });
      // gRPC itself would take sixteen pages, of whatever size, before it says that the client takes none.
      while (unsentBytes > SUBSCRIBE_UNSENT_BYTES_MAX && !isOver) await wait();
    }
    if (!isOver) call.end();
  };
  push()
    .catch((error: unknown) => {
      logger.error({ groupId, error: errorMessage(error) }, "a subscription failed");
      if (!isOver) call.emit("error", { code: grpcStatus.UNAVAILABLE, details: errorMessage(error) });
    })
    .finally(over);
}
