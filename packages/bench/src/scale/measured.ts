import type { Costs } from "./model.ts";

/**
 * Two cores, Node 20, by `npm run bench -- --only control-plane,shards` (packages/bench/results/2026-11-28-f2ee756-shards.json, and for times the
 * quicker of two runs: other programs used the machine as well). What grows with the shards is the slope between that bench's 1,000 and 5,000
 * idle shards. `linkBeatMs` and `electionsPerSecond` are estimates: a machine with three brokers has too few links to tell.
 */
export const MEASURED: Costs = {
  heartbeatBytes: 7_867,
  heartbeatWriteMs: 0.7,
  heartbeatReadMs: 1.7,
  metadataBytes: 15_400_000,
  metadataWriteMs: 730,
  metadataTakeMs: 570,
  brokersBytes: 8_000,
  linkBeatMs: 0.06,
  controllerPercentPer1000Shards: 0.35,
  brokerPercentPer1000Shards: 0.54,
  electionsPerSecond: 2_000,
};
