import type { NodeCredentials } from "@millrace/proto";
import { readClusterFile } from "./launcher/cluster-file.ts";
import { credentialsFor } from "./peer-tls.ts";
import type { PeerTlsOptions } from "./peer-tls-options.ts";

export interface ControllersOptions extends PeerTlsOptions {
  readonly dataDir: string;
  /** host:port of each. */
  readonly controllers?: readonly string[];
}

export interface ControllersTarget {
  /** host:port of each. */
  readonly controllers: readonly string[];
  /** Plain text when undefined. */
  readonly nodeCredentials: NodeCredentials | undefined;
}

/** Where an operator's command goes: as given, or to the local cluster. @throws Error when there is none */
export function controllersOf(options: ControllersOptions): ControllersTarget {
  const file = readClusterFile(options.dataDir);
  const local = file?.nodes.filter(({ role }) => role === "controller");
  const controllers = options.controllers ?? local?.map((node) => node.address) ?? [];
  if (controllers.length === 0) throw new Error(`no cluster in ${options.dataDir}: give --controllers`);
  // A cluster elsewhere has nothing to do with this folder's certificates.
  return {
    controllers,
    nodeCredentials: credentialsFor(options, options.controllers === undefined ? file : undefined),
  };
}
