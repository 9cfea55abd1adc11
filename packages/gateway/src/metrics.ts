import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type StreamMetrics, streamMetrics } from "./stream-metrics.ts";

export interface GatewayMetrics {
  readonly streams: StreamMetrics;
  answered(operation: string, outcome: string, durationMs: number): void;
  /** Read when it is scraped. */
  observe(server: { readonly connectionCount: number; readonly requestCount: number }): void;
}

/** Labels are bounded: operations are the model's, outcomes the error table's. */
export function gatewayMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "millrace_requests_total",
    help: "Requests answered, by operation and outcome (`ok`, or the name of the error).",
    labelNames: ["operation", "outcome"],
    registers,
  });
  const duration = new Histogram({
    name: "millrace_request_duration_seconds",
    help: "From the request's last byte to the answer. Puts: see millrace_append_duration_seconds on the brokers.",
    labelNames: ["operation"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return {
    streams: streamMetrics(registry),
    answered: (operation, outcome, durationMs) => {
      requests.inc({ operation, outcome });
      duration.observe({ operation }, durationMs / 1_000);
    },
    observe: (server) => {
      const gauge = (name: string, help: string, value: () => number): void => {
        const made: Gauge = new Gauge({ name, help, registers, collect: (): void => made.set(value()) });
      };
      gauge("millrace_connections", "Connections of clients.", () => server.connectionCount);
      gauge("millrace_requests_in_flight", "Requests that are being answered.", () => server.requestCount);
    },
  };
}
