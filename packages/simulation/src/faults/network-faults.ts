import type { ClusterNode, SimulatedCluster } from "../cluster/cluster.ts";
import type { Link } from "../world/link.ts";
import type { FaultKind } from "./fault.ts";

function others(cluster: SimulatedCluster, node: ClusterNode): ClusterNode[] {
  return cluster.nodes.filter((each) => each !== node && !each.isRemoved);
}

export function linksBetween(
  cluster: SimulatedCluster,
  ones: readonly ClusterNode[],
  twos: readonly ClusterNode[],
): Link[] {
  const { network } = cluster;
  return ones.flatMap((one) =>
    twos.flatMap((two) => [
      network.link(one.machine.name, two.machine.name),
      network.link(two.machine.name, one.machine.name),
    ]),
  );
}

export function blockAll(links: readonly Link[]): () => void {
  for (const link of links) link.block();
  return () => {
    for (const link of links) link.unblock();
  };
}

export const NETWORK_FAULTS: readonly FaultKind[] = [
  {
    name: "node isolated",
    durationMs: [200, 20_000],
    begin: ({ cluster, node }) => blockAll(linksBetween(cluster, [node], others(cluster, node))),
  },
  {
    name: "zone isolated",
    durationMs: [200, 20_000],
    begin: ({ cluster, node }) => {
      const inside = cluster.nodes.filter(({ machine }) => machine.az === node.machine.az);
      const outside = cluster.nodes.filter(({ machine }) => machine.az !== node.machine.az);
      return blockAll(linksBetween(cluster, inside, outside));
    },
  },
  {
    name: "one-way partition",
    durationMs: [200, 15_000],
    begin: ({ cluster, node, random }) => {
      const { network } = cluster;
      const isOutgoing = random.chance(0.5);
      const links = others(cluster, node).map(({ machine }) =>
        isOutgoing ? network.link(node.machine.name, machine.name) : network.link(machine.name, node.machine.name),
      );
      return blockAll(links);
    },
  },
  {
    name: "partial partition",
    durationMs: [200, 20_000],
    begin: ({ cluster, random }) => {
      const links: Link[] = [];
      for (const one of cluster.nodes) {
        for (const two of cluster.nodes) {
          if (one !== two && random.chance(0.2)) links.push(cluster.network.link(one.machine.name, two.machine.name));
        }
      }
      return blockAll(links);
    },
  },
  {
    name: "slow links",
    durationMs: [500, 20_000],
    begin: ({ cluster, node, random }) => {
      const links = linksBetween(cluster, [node], others(cluster, node));
      const slowness = random.magnitude(5, 500);
      for (const link of links) link.slowness = slowness;
      return () => {
        for (const link of links) link.slowness = 1;
      };
    },
  },
  {
    name: "packet loss",
    durationMs: [500, 20_000],
    begin: ({ cluster, node, random }) => {
      const links = linksBetween(cluster, [node], others(cluster, node));
      const lossChance = random.next() * 0.3;
      for (const link of links) link.lossChance = lossChance;
      return () => {
        for (const link of links) link.lossChance = 0;
      };
    },
  },
  {
    name: "connections reset",
    durationMs: [1, 1],
    begin: ({ cluster, node, random }) => {
      for (const { machine } of others(cluster, node)) {
        if (random.chance(0.5)) cluster.network.reset(node.machine.name, machine.name);
      }
      return () => undefined;
    },
  },
];
