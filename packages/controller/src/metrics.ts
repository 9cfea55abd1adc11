import type { RaftHostStats } from "@millrace/multiraft";
import { Gauge, Histogram, type Registry } from "prom-client";
import type { ControllerNode } from "./node.ts";

/** What a controller exports; everything is read when it is scraped. */
export function registerMetrics(registry: Registry, node: ControllerNode, host: { stats(): RaftHostStats }): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect: (): void => made.set(value()) });
  };
  gauge("millrace_controller_leader", "1 on the controller that leads, 0 on the others.", () => Number(node.isLeader));
  gauge("millrace_controller_term", "Raft term of the controllers. It grows with each election.", () => node.term);
  gauge("millrace_controller_elections_won", "Elections won here since the start.", () => host.stats().electionsWon);
  gauge("millrace_metadata_version", "Version of the metadata that this controller has.", () => node.state.version);
  gauge("millrace_metadata_watchers", "Brokers and gateways that follow this controller.", () => node.watchers.count);
  gauge("millrace_streams", "Streams that exist.", () => node.state.streams.size);
  gauge("millrace_shards", "Shards that exist, closed ones too.", () => node.state.shardCount);
  const ifLeader = (value: () => number) => () => (node.isLeader ? value() : 0);
  gauge(
    "millrace_under_replicated_shards",
    "Shards that lack a copy that keeps up (on the leader). Look for brokers that are down or slow.",
    ifLeader(() => node.shardHealth().underReplicated),
  );
  gauge(
    "millrace_leaderless_shards",
    "Shards that no broker leads (on the leader): they take no puts.",
    ifLeader(() => node.shardHealth().leaderless),
  );
  const durations = new Histogram({
    name: "millrace_controller_command_duration_seconds",
    help: "Proposal until applied, on the leader. High: see the disks of the controllers, then the network between them.",
    labelNames: ["kind", "outcome"],
    registers: [registry],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5],
  });
  node.onCommand(({ kind, outcome, durationMs }) => {
    durations.observe({ kind, outcome: outcome === "ok" ? "ok" : "refused" }, durationMs / 1_000);
  });
  const brokers: Gauge<"state"> = new Gauge({
    name: "millrace_brokers",
    help: "Brokers by state.",
    labelNames: ["state"],
    registers: [registry],
    collect: (): void => {
      for (const state of ["UP", "DOWN", "DRAINING"]) {
        const count = [...node.state.brokers.values()].filter((broker) => broker.state === state).length;
        brokers.set({ state: state.toLowerCase() }, count);
      }
    },
  });
}
