import type { Ledger, Position } from "./ledger.ts";
import type { StoredRecord } from "./read.ts";

/** `altered`: acknowledged with one position and found at another, or never written at all. */
export type ViolationKind = "lost" | "duplicated" | "reordered" | "altered";
export type Counts = Readonly<Record<ViolationKind, number>>;

/** The first ones say what is wrong; a million more would only fill the memory. */
const VIOLATIONS_KEPT_MAX = 1_000;

interface Early extends Position {
  /** The counter of the same writer that stands before it in the shard though it was sent after it. */
  readonly standsAfter: number | undefined;
}

/**
 * Compares what is read with what the ledger knows. Every shard's records are given to it from the first on, in the order read; shards
 * in any order, or at once.
 */
export class Check {
  readonly violations: string[] = [];
  readonly #counts = { lost: 0, duplicated: 0, reordered: 0, altered: 0 };
  readonly #ledger: Ledger;
  readonly #isLive: boolean;
  readonly #seen = new Map<string, Bits>();
  readonly #lastSequenceNumber = new Map<string, bigint>();
  readonly #lastCounter = new Map<string, number>();
  /** Read before its acknowledgement came, if one comes. */
  readonly #early = new Map<string, Early>();

  /** `live`: writers still write, and what has been found is forgotten, so that memory does not grow with the run. */
  constructor(ledger: Ledger, { live = false } = {}) {
    this.#ledger = ledger;
    this.#isLive = live;
    if (!live) return;
    ledger.onAcknowledged = (id, position) => this.#settleEarly(id, position);
    ledger.onUnknown = (id) => this.#early.delete(id);
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  read(shardId: string, { id, sequenceNumber }: StoredRecord): void {
    const previous = this.#lastSequenceNumber.get(shardId) ?? -1n;
    if (sequenceNumber <= previous) this.#found("reordered", `${shardId}: ${id} is out of order`);
    this.#lastSequenceNumber.set(shardId, sequenceNumber);

    const [writer, counter] = splitId(id);
    if (!(counter < (this.#ledger.attempted.get(writer) ?? 0))) {
      this.#found("altered", `${id} in ${shardId} was never written`);
      return;
    }
    if (!this.#bits(writer).add(counter)) {
      this.#found("duplicated", `${id} stands twice, again as ${shardId}/${sequenceNumber}`);
      return;
    }
    // A writer waits for each answer: what it sent later must stand later, whether or not it ever learned of it.
    const key = `${shardId} ${writer}`;
    const before = this.#lastCounter.get(key);
    const standsAfter = before !== undefined && before > counter ? before : undefined;
    this.#lastCounter.set(key, Math.max(before ?? 0, counter));

    const acknowledged = this.#ledger.acknowledged.get(id);
    const found: Early = { shardId, sequenceNumber, standsAfter };
    if (acknowledged !== undefined) this.#settle(id, acknowledged, found);
    else if (this.#isLive) this.#early.set(id, found);
  }

  /** Every shard has been read to its end. */
  finish(): void {
    for (const id of this.#ledger.acknowledged.keys()) {
      const [writer, counter] = splitId(id);
      if (!this.#bits(writer).has(counter)) this.#found("lost", `${id} was acknowledged and is lost`);
    }
  }

  #settleEarly(id: string, position: Position): void {
    const found = this.#early.get(id);
    if (found === undefined) return;
    this.#early.delete(id);
    this.#settle(id, position, found);
  }

  #settle(id: string, acknowledged: Position, { shardId, sequenceNumber, standsAfter }: Early): void {
    if (acknowledged.shardId !== shardId || acknowledged.sequenceNumber !== sequenceNumber) {
      const claimed = `${acknowledged.shardId}/${acknowledged.sequenceNumber}`;
      this.#found("altered", `${id} was acknowledged as ${claimed} and stands at ${shardId}/${sequenceNumber}`);
    }
    if (standsAfter !== undefined) this.#found("reordered", `${id} stands after ${splitId(id)[0]}:${standsAfter}`);
    if (this.#isLive) this.#ledger.acknowledged.delete(id);
  }

  #bits(writer: string): Bits {
    let bits = this.#seen.get(writer);
    if (bits === undefined) this.#seen.set(writer, (bits = new Bits()));
    return bits;
  }

  #found(kind: ViolationKind, text: string): void {
    this.#counts[kind]++;
    if (this.violations.length < VIOLATIONS_KEPT_MAX) this.violations.push(text);
  }
}

function splitId(id: string): [writer: string, counter: number] {
  const at = id.lastIndexOf(":");
  return [id.slice(0, at), Number(id.slice(at + 1))];
}

/** A set of small whole numbers: a bit each. */
class Bits {
  #bytes = new Uint8Array(1_024);

  has(index: number): boolean {
    return ((this.#bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  /** @returns false when it was there */
  add(index: number): boolean {
    if (this.has(index)) return false;
    if (index >> 3 >= this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, (index >> 3) + 1));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) | (1 << (index & 7));
    return true;
  }
}
