import {
  decodeItems,
  encodeItemFrame,
  itemSizeBytes,
  type OutgoingItem,
  type RawFrame,
  recycleFrame,
} from "@millrace/proto";
import { assert, type Clock, errorMessage, type Logger, MIB, type Timer } from "@millrace/util";
import type { FrameListener, FrameStream } from "./network.ts";

/** How a request ended. Values, not errors: a lost connection ends thousands at once, and each is retried elsewhere. */
export type RequestOutcome =
  | { readonly type: "answer"; readonly status: number; readonly body: Buffer }
  /** `sent`: the broker may have acted on it. */
  | { readonly type: "disconnected" | "timedOut" | "aborted"; readonly sent: boolean }
  /** The bounds on what may be in flight are reached. */
  | { readonly type: "full" };

export interface RequestOptions {
  readonly kind: number;
  /** Pieces of the body. Not to be changed before the outcome is there; not referred to afterwards. */
  readonly body: readonly Uint8Array[];
  /** Monotonic. */
  readonly timeoutAtMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface RequestStreamOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly inFlightBytesMax: number;
  readonly inFlightRequestsMax: number;
  /** Makes sure that `open` or `failed` follows soon. False: not now, the broker is known to be unreachable. */
  readonly connect: () => boolean;
  /** Something came from the broker. */
  readonly onAnswer: () => void;
  /** The stream ended though nobody closed it. */
  readonly onLost: () => void;
}

interface Request {
  readonly id: number;
  readonly options: RequestOptions;
  readonly sizeBytes: number;
  readonly startedAtMs: number;
  sent: boolean;
  /** Undefined once the caller has its outcome: the request is then only waited for, for its bytes. */
  settle: ((outcome: RequestOutcome) => void) | undefined;
}

const FRAME_TARGET_SIZE_BYTES = MIB;
const FRAMES_IN_WRITE_MAX = 3;
/** Time-outs and aborts are seen this late at most: one timer for all requests, and no listener on any signal. */
const SWEEP_INTERVAL_MS = 20;
/** A broker owes an answer to everything. What it still owes after so long is written off. */
const WRITE_OFF_AFTER_MS = 30_000;
const REQUEST_ID_LIMIT = 0x1_0000_0000;

/**
 * Requests and answers over one bidirectional stream: requests of one turn of the event loop leave as one frame, answers
 * come in any order. What a hung broker has not answered keeps its share of the bound, so that retries cannot pile up.
 */
export class RequestStream {
  readonly #options: RequestStreamOptions;
  #call: FrameStream | undefined;
  /** Frames given to the connection and not yet taken by it: while it is slow, requests gather into larger frames. */
  #framesInWrite = 0;
  #flushScheduled = false;
  #nextId = 1;
  /** Not yet handed to the connection, in order. Those that gave up meanwhile are skipped. */
  #queue: Request[] = [];
  /** All that wait for an answer, sent or not, in order of their start. */
  readonly #requests = new Map<number, Request>();
  #inFlightBytes = 0;
  #sweepTimer: Timer | undefined;
  /** Start of the oldest request after the last sign of life. */
  #waitingSinceMs: number | undefined;

  constructor(options: RequestStreamOptions) {
    this.#options = options;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  /** How long the broker has owed something without saying anything. 0 when it owes nothing. */
  silentForMs(nowMs: number): number {
    return this.#waitingSinceMs === undefined ? 0 : nowMs - this.#waitingSinceMs;
  }

  request(options: RequestOptions): Promise<RequestOutcome> {
    const sizeBytes = itemSizeBytes({ requestId: 0, kind: options.kind, body: options.body });
    const isOverBytes = this.#inFlightBytes > 0 && this.#inFlightBytes + sizeBytes > this.#options.inFlightBytesMax;
    if (isOverBytes || this.#requests.size >= this.#options.inFlightRequestsMax) return FULL;
    if (this.#call === undefined && !this.#options.connect()) return UNREACHABLE;
    return new Promise((settle) => {
      const startedAtMs = this.#options.clock.monotonicMs();
      const request: Request = { id: this.#takeId(), options, sizeBytes, startedAtMs, sent: false, settle };
      this.#requests.set(request.id, request);
      this.#queue.push(request);
      this.#inFlightBytes += sizeBytes;
      this.#waitingSinceMs ??= startedAtMs;
      this.#scheduleFlush();
      this.#scheduleSweep();
    });
  }

  open(start: (listener: FrameListener) => FrameStream): void {
    assert(this.#call === undefined, "one call at a time");
    const call = start({
      frame: (frame) => this.#take(call, frame),
      ended: (why) => this.#lost(call, why),
    });
    this.#call = call;
    this.#framesInWrite = 0;
    this.#scheduleFlush();
  }

  get isOpen(): boolean {
    return this.#call !== undefined;
  }

  /** Ends everything in flight, and the call if there is one. */
  failed(): void {
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#queue = [];
    this.#inFlightBytes = 0;
    this.#waitingSinceMs = undefined;
    this.#sweepTimer?.cancel();
    this.#sweepTimer = undefined;
    for (const { settle, sent } of requests) settle?.(sent ? LOST_AFTER_SENT : LOST_BEFORE_SENT);
  }

  #lost(call: FrameStream, why: string): void {
    if (call !== this.#call) return;
    this.#options.logger.debug({ stream: this.#options.name, inFlight: this.#requests.size }, `stream lost: ${why}`);
    this.failed();
    this.#options.onLost();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#call === undefined || this.#queue.length === 0) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const call = this.#call;
    if (call === undefined) return;
    let taken = 0;
    while (this.#framesInWrite < FRAMES_IN_WRITE_MAX && taken < this.#queue.length) {
      const items: OutgoingItem[] = [];
      let sizeBytes = 0;
      while (taken < this.#queue.length) {
        const request = this.#queue[taken] as Request;
        if (sizeBytes > 0 && sizeBytes + request.sizeBytes > FRAME_TARGET_SIZE_BYTES) break;
        taken++;
        if (request.settle === undefined) continue; // gave up while it waited here
        request.sent = true;
        sizeBytes += request.sizeBytes;
        items.push({ requestId: request.id, kind: request.options.kind, body: request.options.body });
      }
      if (items.length === 0) continue;
      this.#framesInWrite++;
      const frame = encodeItemFrame(items);
      call.write(frame, () => {
        recycleFrame(frame);
        if (call !== this.#call) return;
        this.#framesInWrite--;
        this.#scheduleFlush();
      });
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
  }

  #take(call: FrameStream, frame: RawFrame): void {
    if (call !== this.#call) return;
    try {
      for (const { requestId, kind, body } of decodeItems(frame.payload)) {
        const request = this.#requests.get(requestId);
        if (request === undefined) continue; // written off
        this.#finish(request, { type: "answer", status: kind, body });
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#lost(call, errorMessage(error));
      return;
    }
    this.#waitingSinceMs = undefined;
    this.#options.onAnswer();
  }

  #finish(request: Request, outcome: RequestOutcome): void {
    this.#requests.delete(request.id);
    this.#inFlightBytes -= request.sizeBytes;
    const { settle } = request;
    request.settle = undefined;
    settle?.(outcome);
  }

  #scheduleSweep(): void {
    if (this.#sweepTimer !== undefined) return;
    this.#sweepTimer = this.#options.clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#sweepTimer = undefined;
      this.#sweep();
      if (this.#requests.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const request of this.#requests.values()) {
      const { options, settle, sent } = request;
      const aborted = options.signal?.aborted === true;
      if (!aborted && nowMs < options.timeoutAtMs) continue;
      const outcome: RequestOutcome = { type: aborted ? "aborted" : "timedOut", sent };
      if (!sent || nowMs - request.startedAtMs > WRITE_OFF_AFTER_MS) {
        this.#finish(request, outcome);
      } else {
        request.settle = undefined;
        settle?.(outcome);
      }
    }
    if (this.#requests.size === 0) this.#waitingSinceMs = undefined;
  }

  #takeId(): number {
    do this.#nextId = (this.#nextId + 1) % REQUEST_ID_LIMIT;
    while (this.#requests.has(this.#nextId));
    return this.#nextId;
  }
}

const FULL: Promise<RequestOutcome> = Promise.resolve({ type: "full" });
const LOST_BEFORE_SENT: RequestOutcome = { type: "disconnected", sent: false };
const LOST_AFTER_SENT: RequestOutcome = { type: "disconnected", sent: true };
const UNREACHABLE: Promise<RequestOutcome> = Promise.resolve(LOST_BEFORE_SENT);
