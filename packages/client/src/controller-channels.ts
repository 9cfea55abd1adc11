import { assert, defined } from "@millrace/util";
import type { ConnectController, ControllerChannel } from "./network.ts";

/** Leaders announce addresses that may differ from the configured ones: this many of them are kept beside those. */
const ANNOUNCED_ADDRESSES_MAX = 16;

/** One channel per controller address. */
export class ControllerChannels {
  readonly addresses: readonly string[];
  readonly #connect: ConnectController;
  readonly #channels = new Map<string, ControllerChannel>();
  #closed = false;

  constructor(addresses: readonly string[], connect: ConnectController) {
    this.#connect = connect;
    assert(addresses.length > 0, "at least one controller address");
    this.addresses = [...new Set(addresses)];
  }

  /** The nth configured address, counted round. */
  address(index: number): string {
    return defined(this.addresses[index % this.addresses.length], "addresses are not empty");
  }

  /** Of the configured address after the one that failed; after the `index`th when the leader had announced another. */
  indexAfter(failed: string, index: number): number {
    const place = this.addresses.indexOf(failed);
    return ((place < 0 ? index : place) + 1) % this.addresses.length;
  }

  channelTo(address: string): ControllerChannel {
    assert(!this.#closed, "the connection is open");
    const known = this.#channels.get(address);
    if (known !== undefined) return known;
    this.#forgetOldestAnnounced();
    const channel = this.#connect(address);
    this.#channels.set(address, channel);
    return channel;
  }

  #forgetOldestAnnounced(): void {
    if (this.#channels.size < this.addresses.length + ANNOUNCED_ADDRESSES_MAX) return;
    for (const [address, channel] of this.#channels) {
      if (this.addresses.includes(address)) continue;
      channel.close(); // its calls in flight are made again elsewhere
      this.#channels.delete(address);
      return;
    }
  }

  close(): void {
    this.#closed = true;
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }
}
