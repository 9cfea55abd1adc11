import { markOf, type Observer } from "./observer.ts";

/** One record as its writer knows it. */
export interface LedgerRecord {
  readonly number: number;
  readonly stream: string;
  readonly partitionKey: string;
  /** Records of one writer under one key are put one after another, so their order is known. */
  readonly writer: string;
  readonly putAtUs: number;
  /** `unknown`: refused or unanswered; it may be stored all the same, once. */
  outcome: "open" | "acknowledged" | "unknown" | "refused";
  acknowledgedAtUs: number;
  shardId: string;
  sequenceNumber: string;
}

export interface Acknowledgement {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** Every record that was ever put, and what its writer was told. */
export class Ledger {
  readonly records: LedgerRecord[] = [];
  readonly #observer: Observer;
  acknowledgedCount = 0;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  put(stream: string, partitionKey: string, writer: string, nowUs: number): LedgerRecord {
    const record: LedgerRecord = {
      number: this.records.length,
      stream,
      partitionKey,
      writer,
      putAtUs: nowUs,
      outcome: "open",
      acknowledgedAtUs: 0,
      shardId: "",
      sequenceNumber: "",
    };
    this.records.push(record);
    return record;
  }

  acknowledged(record: LedgerRecord, { shardId, sequenceNumber }: Acknowledgement, nowUs: number): void {
    record.outcome = "acknowledged";
    record.acknowledgedAtUs = nowUs;
    record.shardId = shardId;
    record.sequenceNumber = sequenceNumber;
    this.acknowledgedCount++;
    this.#observer.acknowledged(record.number);
  }
}

/** Data of a record: found on disks by its mark, padded to its size. */
export function dataOf(number: number, sizeBytes: number): Buffer {
  return Buffer.from(markOf(number).padEnd(sizeBytes, "."), "latin1");
}

/** Undefined: nothing that a writer here has written. */
export function numberOf(data: Buffer): number | undefined {
  const match = /^\u00abR(\d+);/.exec(data.toString("latin1"));
  return match === null ? undefined : Number(match[1]);
}
