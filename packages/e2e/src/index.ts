export { eventually, LocalCluster, PROGRAM, type ClusterStatus, type NodeInfo } from "./harness/cluster.ts";
export { ExtraBroker, millrace } from "./harness/extra-broker.ts";
export { type AdversityOptions, type AdversityReport, runAdversity } from "./chaos/adversity.ts";
export { type ChaosOptions, type ChaosReport, runChaos } from "./chaos/run.ts";
export { MixedCluster } from "./upgrade/mixed-cluster.ts";
export { runUpgrade, type UpgradeOptions, type UpgradeReport } from "./upgrade/run.ts";
