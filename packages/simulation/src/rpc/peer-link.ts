import { EventEmitter } from "node:events";
import type { PeerStream } from "@millrace/multiraft";
import { type Acquaintance, type Introduction__Output, Peer, type RawFrame } from "@millrace/proto";
import type { Process } from "../world/machine.ts";
import type { Network } from "../world/network.ts";
import { type ClientCall, RpcConnection } from "./client.ts";
import type { RpcMethod } from "./server.ts";

const METHODS = Peer.service as unknown as Record<string, RpcMethod>;
const EXCHANGE = METHODS.Exchange as RpcMethod;
const INTRODUCE = METHODS.Introduce as RpcMethod;
const INTRODUCE_TIMEOUT_MS = 1_000;

/** A stream to a peer, on a connection of its own, as `GrpcPeerTransport` wants it. Nothing clears away one that is silent. */
export function connectPeer(network: Network, process: Process, windowBytes: number, address: string): PeerStream {
  return new SimulatedPeerStream(network, process, windowBytes, address);
}

/** One question on a connection of its own, as controllers ask each other who they are. */
export function askPeer(
  network: Network,
  process: Process,
  windowBytes: number,
  address: string,
  introduction: Introduction__Output,
): Promise<Acquaintance> {
  return new Promise((resolve, reject) => {
    let answer: Acquaintance | undefined;
    const settle = (run: () => void): void => {
      timer.cancel();
      connection.close();
      run();
    };
    const timer = process.world.clock.setTimer(INTRODUCE_TIMEOUT_MS, () =>
      settle(() => reject(new Error("no answer in time"))),
    );
    const connection = new RpcConnection({
      network,
      process,
      address,
      windowBytes,
      onUp: () => {
        const call = connection.open(INTRODUCE, introduction);
        call.on("data", (value: Acquaintance) => (answer = value));
        call.on("error", (error: Error) => settle(() => reject(error)));
        call.on("end", () => settle(() => resolve(answer as Acquaintance)));
      },
      onDown: (why) => settle(() => reject(new Error(why))),
    });
  });
}

class SimulatedPeerStream extends EventEmitter implements PeerStream {
  readonly #connection: RpcConnection;
  #call: ClientCall | undefined;
  /** Written before the connection was there. */
  #waiting: { frame: RawFrame; written: () => void }[] = [];
  #isOver = false;

  constructor(network: Network, process: Process, windowBytes: number, address: string) {
    super();
    this.#connection = new RpcConnection({
      network,
      process,
      address,
      windowBytes,
      onUp: () => this.#up(),
      onDown: (why) => this.#over(new Error(why)),
    });
  }

  write(frame: RawFrame, written: () => void): void {
    if (this.#call === undefined) this.#waiting.push({ frame, written });
    else this.#call.write(frame, written);
  }

  cancel(): void {
    this.#isOver = true;
    this.#call?.cancel();
    this.#connection.close();
  }

  #up(): void {
    const call = this.#connection.open(EXCHANGE);
    this.#call = call;
    call.on("data", (frame: RawFrame) => this.emit("data", frame));
    call.on("error", (error: Error) => this.#over(error));
    call.on("end", () => this.#over(undefined));
    for (const { frame, written } of this.#waiting) call.write(frame, written);
    this.#waiting = [];
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error === undefined) this.emit("end");
    else this.emit("error", error);
  }
}
