import {
  decodeAppendRequest,
  decodeLocateRequest,
  decodeReadRequest,
  encodeLocateResult,
  type FrameItem,
  readBatchHeader,
  readBatchId,
  RequestKind,
  ShardLogStatus,
} from "@millrace/proto";
import type { SharedLog } from "./shared-log.ts";

/** `cut`: the connection ends without an answer. */
export type Verdict = "serve" | "serve and cut" | "hang" | "cut" | Refusal;

/** What a broker does with a request. */
export type Script = (request: ScriptedRequest) => Verdict;

export interface Refusal {
  readonly status: number;
  readonly body?: Buffer;
}

export interface ScriptedRequest {
  readonly kind: number;
  readonly groupId: number;
  readonly batchId: string | undefined;
  readonly anyReplica: boolean;
}

/** Of a request that is none of the item streams'. */
export const SUBSCRIBE_KIND = 100;
const PAGE_BYTES_MAX = 2_000;

/** One broker's behaviour over shared logs, whatever carries it: does what it is told. */
export class ScriptedReplica {
  readonly nodeId: string;
  readonly requests: ScriptedRequest[] = [];
  script: Script = () => "serve";
  readonly #logs: Map<number, SharedLog>;
  readonly #subscriptions = new Set<(error: SubscriptionError) => void>();

  constructor(nodeId: string, logs: Map<number, SharedLog>) {
    this.nodeId = nodeId;
    this.#logs = logs;
  }

  /** The verdict, and what it would answer. */
  take(item: FrameItem): { verdict: Verdict; reply: () => Refusal } {
    const request = describe(item);
    this.requests.push(request);
    const verdict = this.script(request);
    return { verdict, reply: () => (typeof verdict === "string" ? this.#execute(item, request.groupId) : verdict) };
  }

  /** Pushes pages into `subscriber` until its end; returns what ends it from the other side. */
  subscribe(groupId: number, fromOffset: number, subscriber: Subscriber): () => void {
    const request = { kind: SUBSCRIBE_KIND, groupId, batchId: undefined, anyReplica: false };
    this.requests.push(request);
    const verdict = this.script(request);
    const log = this.#logs.get(groupId);
    if (verdict === "hang") return () => undefined;
    if (typeof verdict !== "string") {
      subscriber.failed({ leaderId: verdict.body?.toString() ?? "" });
      return () => undefined;
    }
    if (log === undefined || verdict !== "serve") {
      subscriber.failed({ leaderId: undefined });
      return () => undefined;
    }
    let nextOffset = Math.max(fromOffset, log.startOffset);
    const push = (): void => {
      while (nextOffset < log.endOffset) {
        const page = log.page(nextOffset, PAGE_BYTES_MAX);
        nextOffset = page.nextOffset;
        subscriber.page(page.body);
      }
      if (log.closed) {
        stop();
        subscriber.finished();
      }
    };
    const fail = (error: SubscriptionError): void => {
      stop();
      subscriber.failed(error);
    };
    const stopListening = log.onChange(push);
    const stop = (): void => {
      stopListening();
      this.#subscriptions.delete(fail);
    };
    this.#subscriptions.add(fail);
    push();
    return stop;
  }

  /** Leadership went to `leaderId`, "" for nobody yet. */
  endSubscriptions(leaderId: string): void {
    for (const fail of this.#subscriptions) fail({ leaderId });
  }

  #execute(item: FrameItem, groupId: number): Refusal {
    const log = this.#logs.get(groupId);
    if (log === undefined) return { status: ShardLogStatus.unknownGroup };
    switch (item.kind) {
      case RequestKind.append: {
        const { batch } = decodeAppendRequest(item.body);
        // As the broker: what was stored before is answered for, also by a closed shard.
        if (log.closed && !log.has(batch)) return { status: ShardLogStatus.closed };
        return { status: ShardLogStatus.ok, body: log.append(batch) };
      }
      case RequestKind.read: {
        const { fromOffset, bytesMax } = decodeReadRequest(item.body);
        return { status: ShardLogStatus.ok, body: log.page(fromOffset, bytesMax).body };
      }
      default: {
        const { target, timeMs } = decodeLocateRequest(item.body);
        const found = log.batches.find((batch) => readBatchHeader(batch).arrivalTimeMs >= timeMs);
        const offset = target === "tail" || found === undefined ? log.endOffset : readBatchHeader(found).baseOffset;
        return { status: ShardLogStatus.ok, body: encodeLocateResult({ ...log.position(), offset }) };
      }
    }
  }
}

/** Undefined: broken, rather than told where to go. */
export interface SubscriptionError {
  readonly leaderId: string | undefined;
}

export interface Subscriber {
  page(body: Buffer): void;
  finished(): void;
  failed(error: SubscriptionError): void;
}

function describe(item: FrameItem): ScriptedRequest {
  if (item.kind === RequestKind.append) {
    const { groupId, batch } = decodeAppendRequest(item.body);
    return { kind: item.kind, groupId, batchId: readBatchId(batch), anyReplica: false };
  }
  if (item.kind === RequestKind.read) {
    const { groupId, anyReplica } = decodeReadRequest(item.body);
    return { kind: item.kind, groupId, batchId: undefined, anyReplica };
  }
  return { kind: item.kind, groupId: decodeLocateRequest(item.body).groupId, batchId: undefined, anyReplica: false };
}

/** A replica that does not lead: redirects to `leaderId` (or to nobody), and serves what any replica may. */
export function follows(leaderId: string | undefined): Script {
  return ({ anyReplica }) =>
    anyReplica ? "serve" : { status: ShardLogStatus.notLeader, body: Buffer.from(leaderId ?? "") };
}
