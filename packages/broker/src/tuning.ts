import { HOUR_MS, MIB } from "@millrace/util";

/** What a simulation makes small, so that a short life sees what takes days, and what follows the memory that a process has. */
export interface BrokerTuning {
  /** Applied entries between two checkpoints of a shard's state. */
  readonly checkpointEveryEntries: number;
  /** Of retention: how long an hour is. */
  readonly hourMs: number;
  readonly retentionEveryMs: number;
  /** Appends that are not acknowledged yet, of all shards. */
  readonly inFlightBytesMax: number;
}

export const TUNING: BrokerTuning = {
  checkpointEveryEntries: 2_000,
  hourMs: HOUR_MS,
  retentionEveryMs: 10_000,
  inFlightBytesMax: 256 * MIB,
};
