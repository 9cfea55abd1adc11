import { connectControllers, type ControllerConnection } from "@millrace/client";
import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import { WINDOW_BYTES } from "../cluster/nodes.ts";
import { SimulatedControllerChannel } from "../rpc/controller-link.ts";
import type { Process } from "../world/machine.ts";
import type { SeededRandom } from "../world/random.ts";

export interface BrokerAdministrationOptions {
  readonly cluster: SimulatedCluster;
  readonly process: Process;
  readonly random: SeededRandom;
}

const TIMEOUT_MS = 5_000;
const POLL_EVERY_MS = 250;
const PATIENCE_MS = 20_000;

/** What people do with brokers, by commands to the controllers. */
export class BrokerAdministration {
  readonly #options: BrokerAdministrationOptions;
  readonly #controllers: ControllerConnection;

  constructor(options: BrokerAdministrationOptions) {
    this.#options = options;
    const { cluster, process } = options;
    this.#controllers = connectControllers({
      addresses: cluster.of("controller").map(({ machine }) => machine.name),
      clock: process.world.clock,
      random: process.world.random,
      logger: process.logger,
      connect: (address) => new SimulatedControllerChannel(cluster.network, process, WINDOW_BYTES, address),
    });
  }

  close(): void {
    this.#controllers.close();
  }

  /** False when it is refused for longer than anything takes. */
  setState({ machine }: ClusterNode, state: "UP" | "DRAINING"): Promise<boolean> {
    return this.#insist({ setBrokerState: { nodeId: machine.name, state } });
  }

  forget({ machine }: ClusterNode): Promise<boolean> {
    return this.#insist({ removeBroker: { nodeId: machine.name } });
  }

  /** It drains, and is said to have no replica any more. */
  async isEmpty({ machine }: ClusterNode): Promise<boolean> {
    try {
      const { nodes } = await this.#controllers.status({ timeoutMs: TIMEOUT_MS });
      const status = nodes.find(({ id, role }) => role === "broker" && id === machine.name);
      return status?.state === "draining" && status.replicas === 0;
    } catch {
      return false; // no controller leads now
    }
  }

  async #insist(command: object): Promise<boolean> {
    const { clock } = this.#options.process.world;
    const deadlineMs = clock.monotonicMs() + PATIENCE_MS;
    do {
      try {
        if ((await this.#execute(command)) === undefined) return true;
      } catch {
        // No controller answered: again.
      }
      await clock.sleep(POLL_EVERY_MS);
    } while (clock.monotonicMs() < deadlineMs);
    return false;
  }

  /** What it was refused for. @throws ControllerCallFailed when nobody answered */
  async #execute(command: object): Promise<string | undefined> {
    const commandId = this.#options.random.bytes(16).toString("hex");
    const { error } = await this.#controllers.execute({ commandId, ...command }, { timeoutMs: TIMEOUT_MS });
    return error?.code;
  }
}
