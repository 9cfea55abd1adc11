import type { MillraceError } from "@millrace/util";

/** Where a record is stored. */
export interface PutResult {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/**
 * What became of one record of many. `error.written` of a ShardError says whether it may be stored all the same; a record
 * that is put again is a new record.
 */
export type PutOutcome =
  | { readonly result: PutResult; readonly error: undefined }
  | { readonly result: undefined; readonly error: MillraceError };

/** Who is told of one record. */
export interface Delivery {
  /** Of the producer: what was put before a flush has a smaller one than what comes after it. */
  readonly epoch: number;
  delivered(result: PutResult): void;
  failed(error: MillraceError): void;
}

/** One record, one promise. */
export function promisedDelivery(epoch: number): { delivery: Delivery; promise: Promise<PutResult> } {
  let settle: Pick<Delivery, "delivered" | "failed"> | undefined;
  const promise = new Promise<PutResult>((delivered, failed) => {
    settle = { delivered, failed };
  });
  return { delivery: { epoch, ...(settle as unknown as Pick<Delivery, "delivered" | "failed">) }, promise };
}

/** Many records, one promise, outcomes in order. */
export class Collector {
  readonly outcomes: PutOutcome[] = [];
  readonly done: Promise<PutOutcome[]>;
  #resolve: (outcomes: PutOutcome[]) => void = () => undefined;
  #open = 0;
  #isComplete = false;

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  slot(epoch: number): Delivery {
    this.#open++;
    return new Slot(epoch, this, this.outcomes.push(PENDING) - 1);
  }

  settle(index: number, outcome: PutOutcome): void {
    this.outcomes[index] = outcome;
    this.#open--;
    this.#finishIfDone();
  }

  /** No more slots follow. */
  complete(): Promise<PutOutcome[]> {
    this.#isComplete = true;
    this.#finishIfDone();
    return this.done;
  }

  #finishIfDone(): void {
    if (this.#isComplete && this.#open === 0) this.#resolve(this.outcomes);
  }
}

class Slot implements Delivery {
  readonly epoch: number;
  readonly #collector: Collector;
  readonly #index: number;

  constructor(epoch: number, collector: Collector, index: number) {
    this.epoch = epoch;
    this.#collector = collector;
    this.#index = index;
  }

  delivered(result: PutResult): void {
    this.#collector.settle(this.#index, { result, error: undefined });
  }

  failed(error: MillraceError): void {
    this.#collector.settle(this.#index, { result: undefined, error });
  }
}

/** Takes a record's place until its outcome is there; never seen from outside. */
const PENDING = { result: undefined, error: undefined } as unknown as PutOutcome;
