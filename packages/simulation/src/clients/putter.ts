import { dataOf, type Ledger, type LedgerRecord } from "../checks/ledger.ts";
import type { SeededRandom } from "../world/random.ts";
import { SdkError, type SdkRequest, type SimulatedSdk } from "./sdk.ts";

export interface PutterOptions {
  readonly name: string;
  readonly sdk: SimulatedSdk;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly streams: readonly string[];
  readonly nowUs: () => number;
  /** Hears of every request whose outcome is told or unknown. */
  readonly wasSent: (request: SdkRequest, records: readonly LedgerRecord[]) => void;
}

export interface PutRecordOutput {
  readonly ShardId: string;
  readonly SequenceNumber: string;
}

export interface PutRecordsOutput {
  readonly FailedRecordCount: number;
  readonly Records: readonly Partial<PutRecordOutput & { ErrorCode: string }>[];
}

const KEYS = 6;
const BATCH_MAX = 8;
/** Errors that say: nothing was stored. */
const REFUSALS = ["ProvisionedThroughputExceededException", "ResourceNotFoundException", "ValidationException"];

/** Writes, one request after another, until it is told to stop. */
export class Putter {
  readonly #options: PutterOptions;
  readonly #pauseMaxMs: number;
  readonly #sizeMaxBytes: number;
  isStopped = false;
  readonly ended: Promise<void>;
  /** Successful requests, for liveness. */
  successCount = 0;

  constructor(options: PutterOptions) {
    this.#options = options;
    this.#pauseMaxMs = options.random.magnitude(50, 3_000);
    this.#sizeMaxBytes = options.random.magnitude(16, 4_096);
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { sdk, random } = this.#options;
    while (!this.isStopped) {
      if (random.chance(0.5)) await this.#putOne();
      else await this.#putSome(random.between(1, BATCH_MAX));
      await sdk.rest(random.between(0, this.#pauseMaxMs));
    }
  }

  #next(): { record: LedgerRecord; data: string } {
    const { random, ledger, streams, name, nowUs } = this.#options;
    const record = ledger.put(random.pick(streams), `${name}-${random.between(1, KEYS)}`, name, nowUs());
    return { record, data: dataOf(record.number, random.between(10, this.#sizeMaxBytes)).toString("base64") };
  }

  async #putOne(): Promise<void> {
    const { sdk, ledger, nowUs } = this.#options;
    const { record, data } = this.#next();
    const request = sdk.request("PutRecord", {
      StreamName: record.stream,
      PartitionKey: record.partitionKey,
      Data: data,
    });
    try {
      const output = await sdk.send<PutRecordOutput>(request);
      ledger.acknowledged(record, { shardId: output.ShardId, sequenceNumber: output.SequenceNumber }, nowUs());
      this.successCount++;
    } catch (error) {
      record.outcome = outcomeOf(error);
    }
    this.#options.wasSent(request, [record]);
  }

  async #putSome(count: number): Promise<void> {
    const { sdk, ledger, nowUs } = this.#options;
    const first = this.#next();
    const all = [first];
    for (let made = 1; made < count; made++) {
      const next = this.#next();
      // One request is for one stream.
      if (next.record.stream === first.record.stream) all.push(next);
      else next.record.outcome = "refused";
    }
    const request = sdk.request("PutRecords", {
      StreamName: first.record.stream,
      Records: all.map(({ record, data }) => ({ PartitionKey: record.partitionKey, Data: data })),
    });
    try {
      const output = await sdk.send<PutRecordsOutput>(request);
      output.Records.forEach(({ ShardId, SequenceNumber }, at) => {
        const record = all[at]?.record as LedgerRecord;
        if (ShardId !== undefined && SequenceNumber !== undefined) {
          ledger.acknowledged(record, { shardId: ShardId, sequenceNumber: SequenceNumber }, nowUs());
        } else {
          record.outcome = "unknown";
        }
      });
      if (output.FailedRecordCount === 0) this.successCount++;
    } catch (error) {
      for (const { record } of all) record.outcome = outcomeOf(error);
    }
    const records = all.map(({ record }) => record);
    this.#options.wasSent(request, records);
  }
}

function outcomeOf(error: unknown): "refused" | "unknown" {
  if (!(error instanceof SdkError)) throw error;
  return REFUSALS.includes(error.name) ? "refused" : "unknown";
}
