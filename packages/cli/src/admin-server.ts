import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, type Registry } from "prom-client";

/** What a process says of itself. */
export interface Readiness {
  readonly ready: boolean;
  /** Empty when ready; else which part is not, for people. */
  readonly reasons: readonly string[];
  /** Gateways: of the metadata that they serve from. */
  readonly metadataVersion?: number;
}

export interface AdminServer {
  /** host:port */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Ten samples a second: at the default of a hundred, watching the event loop is most of what an idle node does. Node.js counts the time
 * between two of them, so that this much of each figure is no stall.
 */
export const EVENT_LOOP_PERIOD_MS = 100;

/**
 * /metrics (Prometheus), /healthz (alive: this answer proves that the event loop turns) and /readyz (503 with reasons
 * until the process does its work), on a port of their own.
 */
export async function startAdminServer(
  nodeId: string,
  listen: { host: string; port: number },
  registry: Registry,
  readiness: () => Readiness,
): Promise<AdminServer> {
  const eventLoopMonitoringPrecision = EVENT_LOOP_PERIOD_MS;
  collectDefaultMetrics({ register: registry, prefix: "millrace_process_", eventLoopMonitoringPrecision });
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") answer(response, 405, "text/plain", "GET only\n");
    else if (path === "/healthz") answer(response, 200, "application/json", `{"status":"alive"}\n`);
    else if (path === "/readyz") {
      const state = readiness();
      answer(response, state.ready ? 200 : 503, "application/json", `${JSON.stringify({ node: nodeId, ...state })}\n`);
    } else if (path === "/metrics") {
      registry.metrics().then(
        (text) => answer(response, 200, registry.contentType, text),
        (error: unknown) => answer(response, 500, "text/plain", `${String(error)}\n`),
      );
    } else answer(response, 404, "text/plain", "Try /metrics, /healthz or /readyz.\n");
  });
  server.maxConnections = 64;
  await listening(server, listen);
  const { address, port } = server.address() as AddressInfo;
  return {
    address: `${address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
