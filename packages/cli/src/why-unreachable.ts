import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { NodeCredentials } from "@millrace/proto";
import { errorMessage } from "@millrace/util";
import { splitAddress } from "./addresses.ts";
import type { ControllersTarget } from "./controllers-of.ts";

const TIMEOUT_MS = 1_000;
const NO_GRPC = /HTTP status code|Protocol error/;
const UNREACHABLE = new Set(["CONTROLLER_UNAVAILABLE", "CONTROLLER_REFUSED"]);
const PEER_FLAGS = "--peer-ca, --peer-certificate and --peer-key";

/**
 * gRPC says "Failed to connect" of all that goes wrong with TLS on one side only. Looks itself at what listens there; undefined when
 * that explains nothing.
 */
export async function whyUnreachable(
  { controllers, nodeCredentials }: ControllersTarget,
  error: unknown,
): Promise<string | undefined> {
  if (!UNREACHABLE.has((error as { code?: string }).code ?? "")) return undefined;
  const said = errorMessage(error);
  const addresses = controllers.join(", ");
  if (NO_GRPC.test(said)) {
    return `${addresses}: what listens there is no controller (is it the Kinesis endpoint, or an admin port?)`;
  }
  const seen = await Promise.all(controllers.map(lookAt));
  if (seen.every((each) => each === "nothing")) return `nothing listens at ${addresses}: ${lastError(said)}`;
  const isSecure = nodeCredentials !== undefined;
  if (seen.includes("tls") && !isSecure) {
    return `${addresses}: the cluster speaks TLS between its nodes: give an operator's ${PEER_FLAGS} (MILLRACE_PEER_CA and so on)`;
  }
  if (seen.includes("plain") && isSecure) {
    return `${addresses}: the cluster speaks no TLS between its nodes: leave out ${PEER_FLAGS}`;
  }
  if (seen.includes("tls") && nodeCredentials !== undefined) {
    const refusal = await whyNotTrusted(controllers[seen.indexOf("tls")] ?? "", nodeCredentials);
    if (refusal !== undefined) {
      return `${addresses}: not the certificate of an authority in --peer-ca, or not of that host: ${refusal}`;
    }
    if (/Failed to connect|ECONNRESET|Waiting for LB/.test(said)) {
      return `${addresses}: the cluster did not take --peer-certificate: it is expired, or of another authority than the nodes'`;
    }
  }
  return undefined;
}

/** Of gRPC's words the ones that tell something. */
function lastError(said: string): string {
  return /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(said)?.[1] ?? said;
}

/** What answers at an address. `silent`: it takes the connection, and no more can be told. */
async function lookAt(address: string): Promise<"nothing" | "tls" | "plain" | "silent"> {
  const { host, port } = splitAddress(address);
  const tcp = connectTcp({ host, port });
  if ((await outcome(tcp, "connect")) !== "done") {
    tcp.destroy();
    return "nothing";
  }
  // Whatever its certificate is: nothing is said to it.
  const tls = connectTls({ socket: tcp, ALPNProtocols: ["h2"], rejectUnauthorized: false });
  const result = await outcome(tls, "secureConnect");
  tls.destroy();
  tcp.destroy();
  if (result === "done") return "tls";
  if (result === "timeout") return "silent";
  // An alert is TLS's own: the other side has read the greeting and answers in its terms.
  return /alert/i.test(result) ? "tls" : "plain";
}

/** What this side has against the other's certificate. What the other has against this one's it says later, to the first call. */
async function whyNotTrusted(address: string, { channel }: NodeCredentials): Promise<string | undefined> {
  const tcp = connectTcp(splitAddress(address));
  tcp.on("error", () => undefined);
  try {
    const connector = channel._createSecureConnector({ scheme: "dns", path: address }, {});
    const { socket } = await connector.connect(tcp);
    socket.destroy();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  } finally {
    tcp.destroy();
  }
}

/** `done`, `timeout`, or what went wrong. */
function outcome(socket: Socket, event: "connect" | "secureConnect"): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("timeout"), TIMEOUT_MS);
    const settle = (what: string): void => {
      clearTimeout(timer);
      resolve(what);
    };
    socket.once(event, () => settle("done"));
    socket.on("error", (error) => settle(error.message));
    socket.once("close", () => settle("closed"));
  });
}
