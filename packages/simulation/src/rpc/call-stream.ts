import type { ConnectionEnd } from "../world/connection.ts";
import { encodeFrame, encodeWindow, FrameType } from "./frames.ts";

interface Pending {
  readonly bytes: Buffer;
  readonly written: (() => void) | undefined;
}

/** Messages of one call in both directions, each at its receiver's pace. */
export class CallStream {
  readonly callId: number;
  readonly #end: ConnectionEnd;
  readonly #windowBytes: number;
  readonly #onMessage: (bytes: Buffer) => void;
  #sendWindowBytes: number;
  readonly #pending: Pending[] = [];
  #isPaused = false;
  readonly #received: Buffer[] = [];
  #consumedBytes = 0;
  /** What follows the last message, once that was taken. */
  #afterMessages: (() => void) | undefined;
  onDrain: () => void = () => undefined;

  constructor(callId: number, end: ConnectionEnd, windowBytes: number, onMessage: (bytes: Buffer) => void) {
    this.callId = callId;
    this.#end = end;
    this.#windowBytes = windowBytes;
    this.#sendWindowBytes = windowBytes;
    this.#onMessage = onMessage;
  }

  /** False: what follows waits at the sender. */
  write(bytes: Buffer, written?: () => void): boolean {
    if (this.#sendWindowBytes > 0 && this.#pending.length === 0) this.#send({ bytes, written });
    else this.#pending.push({ bytes, written });
    return this.#sendWindowBytes > 0;
  }

  /** After everything that was written. */
  finish(type: FrameType, body: Buffer): void {
    if (this.#pending.length === 0) this.#end.send(encodeFrame(type, this.callId, body));
    else this.#whenSent = () => this.#end.send(encodeFrame(type, this.callId, body));
  }

  #whenSent: (() => void) | undefined;

  #send({ bytes, written }: Pending): void {
    this.#sendWindowBytes -= bytes.length;
    this.#end.send(encodeFrame(FrameType.data, this.callId, bytes), written);
  }

  windowOpened(sizeBytes: number): void {
    this.#sendWindowBytes += sizeBytes;
    while (this.#sendWindowBytes > 0) {
      const next = this.#pending.shift();
      if (next === undefined) break;
      this.#send(next);
    }
    if (this.#pending.length > 0) return;
    const whenSent = this.#whenSent;
    this.#whenSent = undefined;
    whenSent?.();
    if (this.#sendWindowBytes > 0) this.onDrain();
  }

  receive(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#deliver();
  }

  /** Runs when all messages so far were taken. */
  afterMessages(run: () => void): void {
    this.#afterMessages = run;
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
  }

  #deliver(): void {
    while (!this.#isPaused) {
      const next = this.#received.shift();
      if (next === undefined) break;
      this.#consumedBytes += next.length;
      if (this.#consumedBytes >= this.#windowBytes / 2) {
        this.#end.send(encodeFrame(FrameType.window, this.callId, encodeWindow(this.#consumedBytes)));
        this.#consumedBytes = 0;
      }
      this.#onMessage(next);
    }
    if (this.#isPaused || this.#received.length > 0) return;
    const run = this.#afterMessages;
    this.#afterMessages = undefined;
    run?.();
  }
}
