import { realWorld, silentLogger } from "@millrace/util";
import { Registry } from "prom-client";
import { type RunningController, startController } from "../server.ts";

export interface RealControllerOptions {
  readonly controllerId: string;
  readonly dataDir: string;
  /** Every controller's address, its own too. */
  readonly peers: ReadonlyMap<string, string>;
  readonly registry?: Registry;
}

/** On real sockets and a real disk; what would end its process is thrown. */
export function startRealController({
  controllerId,
  dataDir,
  peers,
  registry = new Registry(),
}: RealControllerOptions): Promise<RunningController> {
  return startController({
    world: realWorld(),
    logger: silentLogger,
    registry,
    listen: peers.get(controllerId) as string,
    onFatal: (error) => {
      throw error;
    },
    az: "az-a",
    controllerId,
    dataDir,
    peers,
    initialSettings: { quotas: "aws" },
  });
}
