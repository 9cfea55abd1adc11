import type { Clock } from "@millrace/util";
import type { BrokerAdministration } from "./clients/broker-administration.ts";
import type { SimulatedSdk } from "./clients/sdk.ts";
import type { SimulatedCluster } from "./cluster/cluster.ts";
import type { SeededRandom } from "./world/random.ts";

/** For a script: the cluster, how its clients fare, and more clients. */
export interface Stage {
  readonly cluster: SimulatedCluster;
  /** Of the script: no fault touches it. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly streams: readonly string[];
  /** Resolves to how long it took until each writer was acknowledged again. @throws Error when it takes longer than `withinMs` */
  readonly progress: (withinMs: number) => Promise<number>;
  /** Leaders of a shard that there have been, all shards together. */
  readonly elections: () => number;
  readonly acknowledged: () => number;
  /** A client that knows one gateway only. */
  readonly sdk: (name: string, gateway: string) => SimulatedSdk;
  /** Like the life's own, by way of one gateway. */
  readonly addPutter: (name: string, gateway: string) => void;
  readonly addReader: (name: string, gateway: string) => void;
  /** What was put is put again by way of one gateway, once more than at the end. The scenario's `repeatsAtEnd` is needed for it. */
  readonly repeatPuts: (gateway: string) => Promise<void>;
  readonly administration: () => BrokerAdministration;
}
