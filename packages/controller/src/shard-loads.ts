import { MIB } from "@millrace/util";
import type { BrokerHeartbeat__Output } from "./protocol.ts";

/** What Kinesis plans one shard for: records and bytes written in a second. */
const SHARD_BYTES_PER_SECOND = MIB;
const SHARD_RECORDS_PER_SECOND = 1_000;
/** A leader that has not said for so long how it is written to says nothing. */
const HEARD_WITHIN_MS = 5_000;

interface Load {
  readonly share: number;
  readonly heardMs: number;
  /** Monotonic: since when it has been below `COLD_SHARE`. */
  readonly coldSinceMs: number | undefined;
}

/** Two neighbours that are each below it make one that has room to spare. */
export const COLD_SHARE = 0.25;

/** How much of what a shard is planned for its leader sees. Soft state: a new leader of the controllers hears it anew. */
export class ShardLoads {
  readonly #byGroup = new Map<number, Load>();

  begin(): void {
    this.#byGroup.clear();
  }

  heard({ loads }: BrokerHeartbeat__Output, nowMs: number): void {
    for (const { groupId, writeBytesPerSecond, writeRecordsPerSecond } of loads) {
      const bytes = writeBytesPerSecond / SHARD_BYTES_PER_SECOND;
      const share = Math.max(bytes, writeRecordsPerSecond / SHARD_RECORDS_PER_SECOND);
      const before = this.#byGroup.get(groupId);
      const coldSinceMs = share >= COLD_SHARE ? undefined : (before?.coldSinceMs ?? nowMs);
      this.#byGroup.delete(groupId);
      this.#byGroup.set(groupId, { share, heardMs: nowMs, coldSinceMs });
    }
    // Groups that are gone are not heard of again.
    for (const [groupId, { heardMs }] of this.#byGroup) {
      if (nowMs - heardMs <= HEARD_WITHIN_MS) break;
      this.#byGroup.delete(groupId);
    }
  }

  /** 1 is what a shard is planned for; undefined when its leader has not been heard lately. */
  shareOf(groupId: number, nowMs: number): number | undefined {
    const load = this.#byGroup.get(groupId);
    return load === undefined || nowMs - load.heardMs > HEARD_WITHIN_MS ? undefined : load.share;
  }

  coldForMs(groupId: number, nowMs: number): number {
    const load = this.#byGroup.get(groupId);
    if (load?.coldSinceMs === undefined || nowMs - load.heardMs > HEARD_WITHIN_MS) return 0;
    return nowMs - load.coldSinceMs;
  }
}
