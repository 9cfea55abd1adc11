import { credentials } from "@grpc/grpc-js";
import { Controller, type ControllerClient } from "@millrace/proto";
import { assert, defined } from "@millrace/util";
import { CONTROLLER_CHANNEL_OPTIONS } from "./channel-options.ts";

/** Leaders announce addresses that may differ from the configured ones: this many of them are kept beside those. */
const ANNOUNCED_ADDRESSES_MAX = 16;

/** One lazily connected gRPC client per controller address. */
export class ControllerClients {
  readonly addresses: readonly string[];
  readonly #clients = new Map<string, ControllerClient>();
  #closed = false;

  constructor(addresses: readonly string[]) {
    assert(addresses.length > 0, "at least one controller address");
    this.addresses = [...new Set(addresses)];
  }

  /** The nth configured address, counted round. */
  address(index: number): string {
    return defined(this.addresses[index % this.addresses.length], "addresses are not empty");
  }

  clientFor(address: string): ControllerClient {
    assert(!this.#closed, "the connection is open");
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    this.#forgetOldestAnnounced();
    const client = new Controller(address, credentials.createInsecure(), CONTROLLER_CHANNEL_OPTIONS);
    this.#clients.set(address, client);
    return client;
  }

  #forgetOldestAnnounced(): void {
    if (this.#clients.size < this.addresses.length + ANNOUNCED_ADDRESSES_MAX) return;
    for (const [address, client] of this.#clients) {
      if (this.addresses.includes(address)) continue;
      client.close(); // its calls in flight go on to their end
      this.#clients.delete(address);
      return;
    }
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
