import { API_METHODS, type WireRequest, type WireResponse } from "../rpc/api-link.ts";
import { type CallFailed, type ClientCall, RpcConnection } from "../rpc/client.ts";
import { WINDOW_BYTES } from "../cluster/nodes.ts";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import type { SeededRandom } from "../world/random.ts";

/** What the SDK throws when it has given up. */
export class SdkError extends Error {
  override readonly name: string;
  readonly status: number;

  constructor({ awsName = "NetworkError", message, status }: Omit<WireResponse, "body">) {
    super(message ?? awsName);
    this.name = awsName;
    this.status = status;
  }
}

/** What an SDK sends, and sends again as it is. */
export type SdkRequest = Omit<WireRequest, "attempt">;

const ATTEMPTS_MAX = 3;
const ATTEMPT_TIMEOUT_MS = 8_000;
const BACKOFF_MS = 100;
const THROTTLED_BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 20_000;
const THROTTLING = ["ProvisionedThroughputExceededException", "LimitExceededException"];

/**
 * A client as AWS's SDKs are: attempts with growing, jittered pauses, all under one invocation id; a load balancer that
 * sends each connection somewhere.
 */
export class SimulatedSdk {
  readonly #network: Network;
  readonly process: Process;
  readonly #random: SeededRandom;
  readonly #addresses: readonly string[];
  #connection: RpcConnection | undefined;
  readonly #waiting = new Set<(connection: RpcConnection | undefined) => void>();
  #addressAt: number;
  /** Attempts that did not succeed, by error. */
  readonly failedAttempts = new Map<string, number>();
  /** How many times as long its user rests between two requests. */
  #pace: number;
  readonly #resting = new Set<() => void>();

  constructor(network: Network, process: Process, random: SeededRandom, addresses: readonly string[], pace = 1) {
    this.#network = network;
    this.#pace = pace;
    this.process = process;
    this.#random = random;
    this.#addresses = addresses;
    this.#addressAt = random.between(0, addresses.length - 1);
  }

  newInvocationId(): string {
    return this.#random.bytes(16).toString("hex");
  }

  /** Between two requests, `ms` at the usual pace. */
  rest(ms: number): Promise<void> {
    const { clock } = this.process.world;
    if (this.#pace === 1) return clock.sleep(ms);
    return new Promise((resolve) => {
      const over = (): void => {
        timer.cancel();
        this.#resting.delete(over);
        resolve();
      };
      const timer = clock.setTimer(ms * this.#pace, over);
      this.#resting.add(over);
    });
  }

  /** From now on at the usual pace. */
  hurry(): void {
    this.#pace = 1;
    for (const over of this.#resting) over();
  }

  request(operation: string, input: object): SdkRequest {
    return { operation, invocationId: this.newInvocationId(), body: Buffer.from(JSON.stringify(input)) };
  }

  /** @throws SdkError after the last attempt */
  call<T>(operation: string, input: object, attemptsMax = ATTEMPTS_MAX): Promise<T> {
    return this.send<T>(this.request(operation, input), 1, attemptsMax);
  }

  /** From a certain attempt on. @throws SdkError after the last one */
  async send<T>(request: SdkRequest, firstAttempt = 1, attemptsMax = ATTEMPTS_MAX): Promise<T> {
    const { clock } = this.process.world;
    for (let attempt = firstAttempt; ; attempt++) {
      const { body, ...head } = await this.#attempt({ ...request, attempt });
      if (head.awsName === undefined && head.status === 200) return parse<T>(body);
      const error = new SdkError(head);
      this.failedAttempts.set(error.name, (this.failedAttempts.get(error.name) ?? 0) + 1);
      const isThrottled = THROTTLING.includes(error.name);
      if (attempt >= attemptsMax || !(isThrottled || head.status >= 500)) throw error;
      const ceilingMs = Math.min(BACKOFF_MAX_MS, (isThrottled ? THROTTLED_BACKOFF_MS : BACKOFF_MS) * 2 ** attempt);
      await clock.sleep(this.#random.between(0, ceilingMs));
    }
  }

  /** One answer in pieces. `ended` once. @returns what cancels it */
  stream(
    operation: string,
    input: object,
    piece: (bytes: Buffer) => void,
    ended: (error?: SdkError) => void,
  ): () => void {
    const request = { ...this.request(operation, input), attempt: 1 };
    let call: ClientCall | undefined;
    let isOver = false;
    const finish = (error?: SdkError): void => {
      if (isOver) return;
      isOver = true;
      ended(error);
    };
    this.#withConnection((connection) => {
      if (isOver) return;
      if (connection === undefined) return finish(networkError("no connection"));
      call = connection.open(API_METHODS.Stream, request);
      call.on("data", (response: WireResponse) => {
        if (response.awsName === undefined) piece(response.body);
        else finish(new SdkError(response));
      });
      call.on("error", (error: CallFailed) => finish(networkError(error.message)));
      call.on("end", () => finish());
    });
    return () => {
      isOver = true;
      call?.cancel();
    };
  }

  #attempt(request: WireRequest): Promise<WireResponse> {
    const { clock } = this.process.world;
    return new Promise((resolve) => {
      let call: ClientCall | undefined;
      let isOver = false;
      const settle = (response: WireResponse): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        resolve(response);
      };
      const failed = (message: string): void =>
        settle({ status: 599, awsName: "NetworkError", message, body: Buffer.alloc(0) });
      const timer = clock.setTimer(ATTEMPT_TIMEOUT_MS, () => {
        call?.cancel();
        // A connection that does not answer is not used again.
        this.#connection?.close();
        this.#connection = undefined;
        this.#give(undefined);
        failed("no answer in time");
      });
      this.#withConnection((connection) => {
        if (isOver) return;
        if (connection === undefined) return failed("no connection");
        call = connection.open(API_METHODS.Call, request);
        call.on("data", settle);
        call.on("error", (error: CallFailed) => failed(error.message));
        call.on("end", () => failed("ended without an answer"));
      });
    });
  }

  #withConnection(use: (connection: RpcConnection | undefined) => void): void {
    if (this.#connection?.isUp === true) {
      use(this.#connection);
      return;
    }
    this.#waiting.add(use);
    if (this.#connection !== undefined) return;
    const address = this.#addresses[this.#addressAt++ % this.#addresses.length] as string;
    const connection = new RpcConnection({
      network: this.#network,
      process: this.process,
      address,
      windowBytes: WINDOW_BYTES,
      onUp: () => this.#give(connection),
      onDown: () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#give(undefined);
      },
    });
    this.#connection = connection;
  }

  #give(connection: RpcConnection | undefined): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const use of waiting) use(connection);
  }
}

function networkError(message: string): SdkError {
  return new SdkError({ status: 599, message });
}

function parse<T>(body: Buffer): T {
  return (body.length === 0 ? {} : JSON.parse(body.toString())) as T;
}
