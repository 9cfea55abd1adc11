import { isLoopback, splitAddress } from "./addresses.ts";
import { peerTlsFiles } from "./peer-tls-options.ts";
import { endpointTlsFiles, listenAddress, type NodeOptions } from "./roles.ts";

/** What no option can tell alone, before anything is started. @throws Error that names the flags */
export function checkTogether(options: NodeOptions): void {
  const { roles, id, controllers, tlsOptional, credentials, insecure } = options;
  const files = endpointTlsFiles(options);
  peerTlsFiles(options);
  if (roles.includes("controller") && !controllers.has(id)) {
    throw new Error(
      `--id ${id} is none of --controllers (${[...controllers.keys()].join(", ")}): a controller must be`,
    );
  }
  if (!roles.includes("gateway")) return;
  if (tlsOptional && files === undefined) throw new Error("--tls-optional goes with --tls-certificate and --tls-key");
  if (credentials !== undefined || insecure) return;
  const listen = listenAddress("gateway", options);
  if (!isLoopback(splitAddress(listen).host)) {
    throw new Error(
      `refusing to listen on ${listen} with any credentials accepted: give --credentials FILE, or --insecure`,
    );
  }
}
