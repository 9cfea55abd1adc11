import type { Costs } from "./model.ts";

/**
 * Two cores, Node 20. Sizes are exact, by `npm run bench -- --only control-plane`. Times are estimates, of runs on a busy machine: in the
 * end they come from the same bench alone on its machine, and what grows with the shards from the slope between the two rows of `--only shards`.
 */
export const MEASURED: Costs = {
  heartbeatBytes: 7_867,
  heartbeatWriteMs: 0.6,
  heartbeatReadMs: 0.7,
  metadataBytes: 15_100_000,
  metadataWriteMs: 600,
  metadataTakeMs: 700,
  brokersBytes: 8_000,
  linkBeatMs: 0.06,
  controllerPercentPer1000Shards: 0.3,
  brokerPercentPer1000Shards: 0.5,
  electionsPerSecond: 2_000,
};
