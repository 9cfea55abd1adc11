import type { Command, CommandResult__Output, LeasesRequest, MetadataUpdate__Output } from "@millrace/proto";
import type { Clock } from "@millrace/util";
import {
  ControllerCallFailed,
  type ControllerCallOptions,
  type ControllerChannel,
  type WatchListener,
} from "../network.ts";
import { LeaseTable } from "./lease-table.ts";

const LATENCY_MS = 1;

/** Controllers without sockets, named by their addresses: one leads, the others say so, any may be stopped. */
export class SimulatedControllers {
  readonly #clock: Clock;
  readonly #watches = new Map<string, Set<WatchListener>>();
  readonly #down = new Set<string>();
  /** "": nobody leads. */
  leader = "";
  version = 1;
  readonly leases = new LeaseTable();
  readonly calls: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly connect = (address: string): ControllerChannel => {
    const answer = <T, R>(result: (version: number, request: R) => T) => {
      return (request: R, options: ControllerCallOptions): Promise<T> =>
        this.#call(address, options, () => result(this.version, request));
    };
    const own = new Set<WatchListener>();
    return {
      execute: answer((version, command: Command): CommandResult__Output => this.leases.execute(command, version)),
      leases: answer((_version, request: LeasesRequest) => this.leases.read(request)),
      heartbeat: answer((version) => ({ version, registered: true, clusterNowMs: 0, laggingReplicas: 0 })),
      backup: (options) =>
        this.#call(address, options, () => ({
          version: this.version,
          clusterId: "cluster-1",
          state: Buffer.alloc(0),
        })),
      status: (options) =>
        this.#call(address, options, () => ({
          version: this.version,
          clusterId: "cluster-1",
          nodes: [],
          streams: 0,
          underReplicatedShards: 0,
          leaderlessShards: 0,
          streamFaults: [],
        })),
      watch: (_request, listener) => {
        own.add(listener);
        const cancel = (): void => {
          own.delete(listener);
          this.#watches.get(address)?.delete(listener);
        };
        this.#clock.setTimer(LATENCY_MS, () => {
          if (!own.has(listener)) return;
          if (this.#down.has(address)) listener.ended("no connection");
          else this.#watches.set(address, (this.#watches.get(address) ?? new Set()).add(listener));
        });
        return { cancel };
      },
      close: () => {
        for (const listener of own) this.#watches.get(address)?.delete(listener);
        own.clear();
      },
    };
  };

  watchersOf(address: string): number {
    return this.#watches.get(address)?.size ?? 0;
  }

  push(address: string, update: MetadataUpdate__Output): void {
    for (const listener of this.#watches.get(address) ?? []) listener.update(update);
  }

  stop(address: string): void {
    this.#down.add(address);
    const watches = [...(this.#watches.get(address) ?? [])];
    this.#watches.delete(address);
    for (const listener of watches) listener.ended("cut");
  }

  #call<T>(address: string, { timeoutMs, signal }: ControllerCallOptions, result: () => T): Promise<T> {
    this.calls.push(address);
    return new Promise((resolve, reject) => {
      const away = (): void => reject(new ControllerCallFailed("away", "away"));
      if (address === "stuck") {
        this.#clock.setTimer(timeoutMs, away);
        signal?.addEventListener("abort", away, { once: true });
        return;
      }
      this.#clock.setTimer(2 * LATENCY_MS, () => {
        if (this.#down.has(address)) away();
        else if (address === this.leader) resolve(result());
        else {
          const leaderAddress = this.leader === "" ? undefined : this.leader;
          reject(new ControllerCallFailed("not the leader", "notLeader", { leaderAddress }));
        }
      });
    });
  }
}
