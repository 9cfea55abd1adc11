import { encodeReadRequest, RequestKind } from "@millrace/proto";
import { type Clock, type Logger, MIB, type Random, type Timer } from "@millrace/util";
import type { ConnectShardLog, FrameSource, ShardLogConnection } from "./network.ts";
import { RequestStream } from "./request-stream.ts";
import { backoffMs } from "./retry.ts";

export interface BrokerConnectionOptions {
  /** host:port */
  readonly address: string;
  readonly connect: ConnectShardLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Per stream. */
  readonly inFlightBytesMax: number | undefined;
  /** The broker was reachable and no longer is: everything in flight has ended, and a leader there is none now. */
  readonly onLost: () => void;
}

const IN_FLIGHT_BYTES_MAX = 64 * MIB;
const IN_FLIGHT_REQUESTS_MAX = 16_384;
const CONNECT_TIMEOUT_MS = 1_000;
/** Short: a broker that comes back may be the one that a shard waits for. */
const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 300;
/** Those who only listen find out so that the broker is silent, and not merely has nothing to say. */
const PING_EVERY_MS = 1_000;
const PING_TIMEOUT_MS = 2_000;
const SILENT_AFTER_MS = 500;
const PING = [encodeReadRequest({ groupId: 0, fromOffset: 0, bytesMax: 0, quotas: false, anyReplica: false })];

/**
 * The data path to one broker over as many connections as it takes, one at a time, made on the first request. After a
 * failure a request may try again at once, after a second one no sooner than 20 ms, and so on up to 300 ms: in between,
 * requests fail at once, so that the router asks another replica.
 */
export class BrokerConnection {
  readonly address: string;
  readonly append: RequestStream;
  readonly read: RequestStream;
  readonly #options: BrokerConnectionOptions;
  #connection: ShardLogConnection | undefined;
  #isConnecting = false;
  #connectTimer: Timer | undefined;
  #pingTimer: Timer | undefined;
  readonly #sources = new Set<FrameSource>();
  /** Subscriptions to be, while the connection is being made. */
  readonly #awaitingUp = new Set<(connection: ShardLogConnection | undefined) => void>();
  #failures = 0;
  #nextConnectAtMs = 0;
  #closed = false;

  constructor(options: BrokerConnectionOptions) {
    this.#options = options;
    this.address = options.address;
    const streamOptions = (name: string) => ({
      name: `${name} ${options.address}`,
      clock: options.clock,
      logger: options.logger,
      inFlightBytesMax: options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX,
      inFlightRequestsMax: IN_FLIGHT_REQUESTS_MAX,
      connect: () => this.#connect(),
      onAnswer: () => {
        this.#failures = 0;
      },
      onLost: () => this.#streamLost(),
    });
    this.append = new RequestStream(streamOptions("append"));
    this.read = new RequestStream(streamOptions("read"));
  }

  /** False while the broker is known to be unreachable and it is too early to try again. */
  get mayConnect(): boolean {
    if (this.#closed) return false;
    if (this.#isConnecting || (this.append.isOpen && this.read.isOpen)) return true;
    return this.#options.clock.monotonicMs() >= this.#nextConnectAtMs;
  }

  /** It owes answers and has said nothing for a while: stopped, cut off, or without a quorum. */
  isSilent(nowMs: number): boolean {
    return this.append.silentForMs(nowMs) > SILENT_AFTER_MS || this.read.silentForMs(nowMs) > SILENT_AFTER_MS;
  }

  /** Undefined when the broker cannot be reached. The caller `release`s the source. */
  async subscribe(groupId: number, fromOffset: number): Promise<FrameSource | undefined> {
    if (!this.#connect()) return undefined;
    const connection = this.#isConnecting
      ? await new Promise<ShardLogConnection | undefined>((resolve) => this.#awaitingUp.add(resolve))
      : this.#connection;
    if (connection === undefined || connection !== this.#connection || !connection.isUp) return undefined;
    const source = connection.subscribe(groupId, fromOffset);
    this.#sources.add(source);
    this.#schedulePing();
    return source;
  }

  /** False: the source was ended here, with its connection or for its broker's silence, and not by the broker. */
  isHeld(source: FrameSource): boolean {
    return this.#sources.has(source);
  }

  release(source: FrameSource): void {
    source.cancel();
    this.#sources.delete(source);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
  }

  /** Starts what is needed for the streams to open. */
  #connect(): boolean {
    if (!this.mayConnect) return false;
    if (this.#isConnecting) return true;
    if (this.#connection !== undefined) {
      // One stream ended and the connection stands, or it is news to us that it does not.
      if (this.#connection.isUp) {
        this.#openStreams(this.#connection);
        return true;
      }
      this.#disconnect();
    }
    this.#isConnecting = true;
    const connection = this.#options.connect(this.address, {
      up: () => this.#up(connection),
      down: (why) => this.#down(connection, why),
    });
    this.#connection = connection;
    // A stopped process accepts the connection and says nothing.
    this.#connectTimer = this.#options.clock.setTimer(CONNECT_TIMEOUT_MS, () => this.#down(connection, "no answer"));
    return true;
  }

  #up(connection: ShardLogConnection): void {
    if (connection !== this.#connection || !this.#isConnecting) return;
    this.#connectTimer?.cancel();
    this.#isConnecting = false;
    this.#openStreams(connection);
    this.#settleAwaiting(connection);
  }

  #down(connection: ShardLogConnection, why: string): void {
    if (connection !== this.#connection) return;
    const wasUp = !this.#isConnecting;
    this.#options.logger.debug({ address: this.address, failures: this.#failures, why }, "no connection to broker");
    this.#backOff();
    this.#disconnect();
    if (wasUp) this.#options.onLost();
  }

  #openStreams(connection: ShardLogConnection): void {
    if (!this.append.isOpen) this.append.open((listener) => connection.append(listener));
    if (!this.read.isOpen) this.read.open((listener) => connection.read(listener));
  }

  #streamLost(): void {
    this.#backOff();
    // One end of two is enough: the other stream's requests would find out later, for both share the connection.
    if (this.#connection?.isUp !== true) this.#disconnect();
    this.#options.onLost();
  }

  #backOff(): void {
    this.#failures++;
    const delayMs =
      this.#failures === 1
        ? 0
        : backoffMs(this.#options.random, this.#failures - 2, RECONNECT_MIN_MS, RECONNECT_MAX_MS);
    this.#nextConnectAtMs = this.#options.clock.monotonicMs() + delayMs;
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#isConnecting = false;
    this.#connectTimer?.cancel();
    this.#pingTimer?.cancel();
    this.#pingTimer = undefined;
    this.#settleAwaiting(undefined);
    this.append.failed();
    this.read.failed();
    this.#endSources();
    connection?.close();
  }

  #endSources(): void {
    for (const source of this.#sources) source.cancel();
    this.#sources.clear();
  }

  /** While there are subscriptions. Any answer will do: no group has the number 0. */
  #schedulePing(): void {
    if (this.#pingTimer !== undefined || this.#sources.size === 0) return;
    const { clock } = this.#options;
    const timer = clock.setTimer(PING_EVERY_MS, () => {
      const timeoutAtMs = clock.monotonicMs() + PING_TIMEOUT_MS;
      void this.read
        .request({ kind: RequestKind.read, body: PING, timeoutAtMs, signal: undefined })
        .then(({ type }) => {
          if (timer !== this.#pingTimer) return;
          this.#pingTimer = undefined;
          if (type === "timedOut") this.#endSources();
          this.#schedulePing();
        });
    });
    this.#pingTimer = timer;
  }

  #settleAwaiting(connection: ShardLogConnection | undefined): void {
    const waiting = [...this.#awaitingUp];
    this.#awaitingUp.clear();
    for (const resolve of waiting) resolve(connection);
  }
}
