import { connectivityState, credentials } from "@grpc/grpc-js";
import { ShardLog, type ShardLogClient } from "@millrace/proto";
import { type Clock, type Logger, MIB, type Random, type Timer } from "@millrace/util";
import { BROKER_CHANNEL_OPTIONS } from "./channel-options.ts";
import { type FrameCall, RequestStream } from "./request-stream.ts";
import { backoffMs } from "./retry.ts";

export interface ShardLogConnectionOptions {
  /** host:port */
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Per stream. */
  readonly inFlightBytesMax?: number;
  /** The broker was reachable and no longer is: everything in flight has ended, and a leader there is none now. */
  readonly onLost?: () => void;
}

const IN_FLIGHT_BYTES_MAX = 64 * MIB;
const IN_FLIGHT_REQUESTS_MAX = 16_384;
const CONNECT_TIMEOUT_MS = 1_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;

/**
 * The data path to one broker: two long-lived streams on one connection, made on the first request. After a failure a
 * request may try again at once, after a second one no sooner than 50 ms, and so on up to a second: in between, requests
 * fail at once, so that the router asks another replica.
 */
export class ShardLogConnection {
  readonly address: string;
  readonly append: RequestStream;
  readonly read: RequestStream;
  readonly #options: ShardLogConnectionOptions;
  #client: ShardLogClient | undefined;
  #state: "idle" | "connecting" | "ready" = "idle";
  #connectTimer: Timer | undefined;
  #failures = 0;
  #nextConnectAtMs = 0;
  #closed = false;

  constructor(options: ShardLogConnectionOptions) {
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
    if (this.#state === "connecting" || (this.append.isOpen && this.read.isOpen)) return true;
    return this.#options.clock.monotonicMs() >= this.#nextConnectAtMs;
  }

  /** The gRPC client, for calls of their own; undefined while the broker is known to be unreachable. */
  subscribeClient(): ShardLogClient | undefined {
    return this.#connect() ? this.#client : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
  }

  /** Starts what is needed for the streams to open. */
  #connect(): boolean {
    if (!this.mayConnect) return false;
    if (this.#state === "connecting") return true;
    if (this.#state === "ready") {
      // One stream ended and the connection stands, or it is news to us that it does not.
      if (this.#client?.getChannel().getConnectivityState(false) === connectivityState.READY) {
        this.#openStreams(this.#client);
        return true;
      }
      this.#disconnect();
    }
    this.#state = "connecting";
    const client = new ShardLog(this.address, credentials.createInsecure(), BROKER_CHANNEL_OPTIONS);
    this.#client = client;
    // A stopped process accepts the connection and says nothing.
    this.#connectTimer = this.#options.clock.setTimer(CONNECT_TIMEOUT_MS, () => this.#connectFailed(client));
    this.#awaitReady(client);
    return true;
  }

  #awaitReady(client: ShardLogClient): void {
    if (client !== this.#client) return;
    const channel = client.getChannel();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) {
      this.#connectTimer?.cancel();
      this.#state = "ready";
      this.#openStreams(client);
    } else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
      this.#connectFailed(client);
    } else {
      channel.watchConnectivityState(state, Infinity, () => this.#awaitReady(client));
    }
  }

  /** On a ready connection. Streams open when they have something to say. */
  #openStreams(client: ShardLogClient): void {
    if (!this.append.isOpen) this.append.opened(client.append() as FrameCall);
    if (!this.read.isOpen) this.read.opened(client.read() as FrameCall);
  }

  #connectFailed(client: ShardLogClient): void {
    if (client !== this.#client) return;
    this.#options.logger.debug({ address: this.address, failures: this.#failures }, "cannot connect to broker");
    this.#backOff();
    this.#disconnect();
  }

  #streamLost(): void {
    // One end of two is enough: the other stream's requests would find out later, for both share the connection.
    const state = this.#client?.getChannel().getConnectivityState(false);
    this.#backOff();
    if (state !== connectivityState.READY) this.#disconnect();
    this.#options.onLost?.();
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
    const client = this.#client;
    this.#client = undefined;
    this.#state = "idle";
    this.#connectTimer?.cancel();
    this.append.failed();
    this.read.failed();
    client?.close();
  }
}
