// A further gateway of a running cluster. A client's library has one to itself, so that what it calls is told from what its
// driver calls; and it may be one with TLS, for a library that speaks nothing else.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { eventually, freePort } from "@millrace/e2e";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PROGRAM = here("../../cli/bin/millrace.mjs");
const READY_TIMEOUT_MS = 20_000;

export const TLS = {
  certificate: here("../../gateway/testdata/tls/localhost.cert.pem"),
  key: here("../../gateway/testdata/tls/localhost.key.pem"),
};

/** `tls`: undefined for none. */
export async function startGateway(cluster, tls) {
  const [port, admin] = [await freePort(), await freePort()];
  const adminAddress = `127.0.0.1:${admin}`;
  const controllers = cluster.nodes().filter(({ role }) => role === "controller");
  const gateway = spawn(
    process.execPath,
    [
      ...[PROGRAM, "start", "--role", "gateway", "--id", "gateway-tested", "--log-level", "error"],
      ...["--controllers", controllers.map(({ id, address }) => `${id}=${address}`).join(",")],
      ...["--listen", `127.0.0.1:${port}`, "--admin-listen", adminAddress],
      ...(tls === undefined ? [] : ["--tls-certificate", tls.certificate, "--tls-key", tls.key]),
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const exited = new Promise((resolve) => gateway.once("exit", resolve));
  const stop = async () => {
    gateway.kill();
    await exited;
  };
  const isReady = () =>
    fetch(`http://${adminAddress}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  try {
    await eventually(isReady, READY_TIMEOUT_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, endpoint: `http://127.0.0.1:${port}`, adminAddress, stop };
}
