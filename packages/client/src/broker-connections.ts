import { type Clock, defined, type Logger, type Random } from "@millrace/util";
import type { ClusterMetadata } from "./metadata.ts";
import { BrokerConnection } from "./broker-connection.ts";
import type { ConnectShardLog } from "./network.ts";

export interface BrokerConnectionsOptions {
  readonly metadata: ClusterMetadata;
  readonly connect: ConnectShardLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly inFlightBytesMax: number | undefined;
  /** Connections to this node's broker ended: what was believed of it is old. */
  readonly onLost: (nodeId: string) => void;
}

/** One connection per broker address, closed when no broker of the metadata has that address any more. */
export class BrokerConnections {
  readonly #options: BrokerConnectionsOptions;
  readonly #byAddress = new Map<string, BrokerConnection>();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(options: BrokerConnectionsOptions) {
    this.#options = options;
    this.#stopListening = options.metadata.onChange((change) => {
      if (change.brokersChanged) this.#closeUnused();
    });
  }

  /** Undefined for a node that the metadata does not know, and after `close`. */
  to(nodeId: string): BrokerConnection | undefined {
    const address = this.#options.metadata.broker(nodeId)?.address;
    if (address === undefined || address === "" || this.#closed) return undefined;
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    const { clock, random, logger, connect, inFlightBytesMax } = this.#options;
    const onLost = (): void => this.#lost(address);
    const connection = new BrokerConnection({ address, connect, clock, random, logger, inFlightBytesMax, onLost });
    this.#byAddress.set(address, connection);
    return connection;
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const connection of this.#byAddress.values()) connection.close();
    this.#byAddress.clear();
  }

  #lost(address: string): void {
    for (const broker of this.#options.metadata.brokers) {
      if (broker.address === address) this.#options.onLost(broker.nodeId);
    }
  }

  #closeUnused(): void {
    const used = new Set(this.#options.metadata.brokers.map((broker) => broker.address));
    for (const address of [...this.#byAddress.keys()].filter((known) => !used.has(known))) {
      const connection = defined(this.#byAddress.get(address), "the key was just there");
      this.#byAddress.delete(address);
      connection.close();
    }
  }
}
