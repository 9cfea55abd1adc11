import type { StoredRecord } from "@millrace/proto";
import { ConsumedRecord } from "../consumed-record.ts";
import type { RecordPage } from "../shard-reader.ts";
import type { HeldLease } from "./held-lease.ts";

/** A record that a worker has by its lease of the shard. */
export class LeasedRecord extends ConsumedRecord {
  readonly #lease: HeldLease;

  constructor(lease: HeldLease, stored: StoredRecord) {
    super(lease.shard, stored);
    this.#lease = lease;
  }

  /**
   * This record and all before it in its shard are done with. Stored within the checkpoint interval together with those of all other
   * shards, and only then it resolves: who awaits each one waits that long for each. @throws LeaseLost: another
   * worker begins before it. StreamNotFound, GroupRemoved: nobody does
   */
  checkpoint(): Promise<void> {
    return this.#lease.checkpoint(this.offset);
  }
}

export interface LeasedPage extends RecordPage<LeasedRecord> {
  /** Of its last record. */
  checkpoint(): Promise<void>;
}

/** With whose lease it goes; the lease is none of the caller's business. */
export class QueuedLeasedPage implements LeasedPage {
  readonly lease: HeldLease;
  readonly shardId: string;
  readonly records: readonly LeasedRecord[];
  readonly millisBehindLatest: number;

  constructor(lease: HeldLease, { shardId, records, millisBehindLatest }: RecordPage<LeasedRecord>) {
    this.lease = lease;
    this.shardId = shardId;
    this.records = records;
    this.millisBehindLatest = millisBehindLatest;
  }

  checkpoint(): Promise<void> {
    return this.records.at(-1)?.checkpoint() ?? Promise.resolve();
  }
}
