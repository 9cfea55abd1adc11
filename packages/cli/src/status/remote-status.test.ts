import type { NodeStatus } from "@millrace/proto";
import { expect, test } from "vitest";
import { type ClusterSummary, isHealthy } from "./cluster-status.ts";
import { summary } from "./remote-status.ts";
import { statusTable } from "./table.ts";

const controller = (id: string, state: string, problems: string[] = []): NodeStatus => ({
  ...{ id, role: "controller", az: "", processId: 0, address: "h:1", leaders: 0, replicas: 0 },
  ...{ state, problems },
});

test("a controller on a new disk is starting until it has a vote, seen from elsewhere as well", () => {
  const seen = [controller("a", "leader"), controller("b", "follower"), controller("c", "joining", ["being filled"])];
  const nodes = seen.map((node) => summary(node, seen));
  expect(nodes.map(({ state }) => state)).toEqual(["up", "up", "starting"]);
  const figures = { streams: 0, underReplicatedShards: 0, leaderlessShards: 0, faults: [] };
  const status: ClusterSummary = { mode: "replicated", nodes, ...figures };
  expect(isHealthy(status)).toBe(false);
  expect(isHealthy({ ...status, nodes: nodes.slice(0, 2) })).toBe(true);
  expect(statusTable(status)).toMatch(/^c .* starting +being filled$/m);
});
