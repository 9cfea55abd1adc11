import type { LedgerRecord } from "../checks/ledger.ts";
import type { SeededRandom } from "../world/random.ts";
import type { PutRecordOutput, PutRecordsOutput } from "./putter.ts";
import { SdkError, type SdkRequest, type SimulatedSdk } from "./sdk.ts";

export interface RepeaterOptions {
  readonly sdk: SimulatedSdk;
  readonly random: SeededRandom;
  readonly violation: (text: string) => void;
  /** As many as it can hold, and all of them at the end. */
  readonly isAtEnd: boolean;
}

interface Held {
  readonly request: SdkRequest;
  readonly records: readonly LedgerRecord[];
  readonly dueMs: number;
}

/** Well within the time that a repetition is recognised for. */
const DELAY_MS_MAX = 60_000;
const HELD_MAX = 60;
const POLL_MS = 50;

/**
 * Sends puts once more, much later, as an SDK does to which the first answer did not come. By then brokers have been started from
 * their snapshots, clocks been set, shards been closed. Whatever is held at the end is sent then.
 */
export class Repeater {
  readonly #options: RepeaterOptions;
  readonly #share: number;
  readonly #held: Held[] = [];
  count = 0;
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(options: RepeaterOptions) {
    this.#options = options;
    this.#share = options.isAtEnd ? 1 : options.random.next() * 0.5;
    this.ended = this.#run();
  }

  /** What was refused stored nothing, so that a repetition of it is a new put. */
  wasSent(request: SdkRequest, records: readonly LedgerRecord[]): void {
    const { sdk, random, isAtEnd } = this.#options;
    if (!random.chance(this.#share) || this.#held.length >= HELD_MAX) return;
    if (records.some(({ outcome }) => outcome === "refused")) return;
    const delayMs = isAtEnd ? Infinity : random.magnitude(10, DELAY_MS_MAX);
    const dueMs = sdk.process.world.clock.monotonicMs() + delayMs;
    this.#held.push({ request, records, dueMs });
  }

  /** All that is held, at once, by way of this client. It stays held. */
  async repeatBy(sdk: SimulatedSdk): Promise<void> {
    await Promise.all(this.#held.map((held) => this.#repeat(held, sdk)));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options.sdk.process.world;
    while (!this.isStopped || this.#held.length > 0) {
      const at = this.#held.findIndex(({ dueMs }) => this.isStopped || dueMs <= clock.monotonicMs());
      if (at === -1) await clock.sleep(POLL_MS);
      else for (const held of this.#held.splice(at, 1)) await this.#repeat(held);
    }
  }

  async #repeat({ request, records }: Held, sdk = this.#options.sdk): Promise<void> {
    this.count++;
    try {
      const output = await sdk.send<PutRecordOutput | PutRecordsOutput>(request, 2);
      const answers = "Records" in output ? output.Records : [output];
      records.forEach((record, at) => this.#compare(record, answers[at] ?? {}));
    } catch (error) {
      if (!(error instanceof SdkError)) throw error;
    }
  }

  /** What was acknowledged is acknowledged in the same words. What was not stays unknown: it is stored once, wherever. */
  #compare({ outcome, number, shardId, sequenceNumber }: LedgerRecord, answer: Partial<PutRecordOutput>): void {
    if (outcome !== "acknowledged" || answer.SequenceNumber === undefined) return;
    if (answer.SequenceNumber === sequenceNumber && answer.ShardId === shardId) return;
    this.#options.violation(
      `record ${number} was acknowledged at ${shardId} ${sequenceNumber}, and when it was sent again at ` +
        `${answer.ShardId} ${answer.SequenceNumber}`,
    );
  }
}
