import { type Clock, defined, type Logger, type Random } from "@millrace/util";
import type { ClusterMetadata } from "./metadata.ts";
import { ShardLogConnection } from "./shard-log-connection.ts";

export interface BrokerConnectionsOptions {
  readonly metadata: ClusterMetadata;
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
  readonly #byAddress = new Map<string, ShardLogConnection>();
  readonly #stopListening: () => void;

  constructor(options: BrokerConnectionsOptions) {
    this.#options = options;
    this.#stopListening = options.metadata.onChange((change) => {
      if (change.brokersChanged) this.#closeUnused();
    });
  }

  /** Undefined for a node that the metadata does not know. */
  to(nodeId: string): ShardLogConnection | undefined {
    const address = this.#options.metadata.broker(nodeId)?.address;
    if (address === undefined || address === "") return undefined;
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    const { clock, random, logger, inFlightBytesMax } = this.#options;
    const connection = new ShardLogConnection({
      address,
      clock,
      random,
      logger,
      ...(inFlightBytesMax === undefined ? {} : { inFlightBytesMax }),
      onLost: () => this.#lost(address),
    });
    this.#byAddress.set(address, connection);
    return connection;
  }

  close(): void {
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
