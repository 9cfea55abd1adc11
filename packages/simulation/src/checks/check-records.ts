import type { Observation, ReadRecord, Shard } from "../clients/reader.ts";
import type { Ledger, LedgerRecord } from "./ledger.ts";

/** All that is stored, read at the end: the order of each shard is what everything else is compared with. */
export interface FinalScan {
  readonly stream: string;
  readonly shards: readonly Shard[];
  readonly records: ReadonlyMap<string, readonly ReadRecord[]>;
  /** Records put before this may have expired, the oldest of a shard first; undefined: retention took nothing. */
  readonly expiryUs: number | undefined;
}

/** By the guarantees: a read lacks at most what was acknowledged in so long before it. Clocks drift. */
const READ_STALENESS_US_MAX = 1_010_000;

type Violation = (text: string) => void;

/**
 * No acknowledged record lost, none twice, each where its acknowledgement said, in the order of sequence numbers; per writer and
 * key in the order of its acknowledgements. Linear in what was written.
 */
export function checkStored(scan: FinalScan, ledger: Ledger, violation: Violation): void {
  const seen = new Map<number, { shardId: string; sequenceNumber: string }>();
  for (const [shardId, records] of scan.records) {
    let last = -1n;
    for (const { sequenceNumber, number, partitionKey } of records) {
      const at = BigInt(sequenceNumber);
      if (at <= last) violation(`${scan.stream} ${shardId}: ${sequenceNumber} follows a greater sequence number`);
      last = at;
      const record = number === undefined ? undefined : ledger.records[number];
      if (number === undefined || record === undefined || record.partitionKey !== partitionKey) {
        violation(`${scan.stream} ${shardId}: ${sequenceNumber} holds what nobody wrote`);
        continue;
      }
      const other = seen.get(number);
      if (other !== undefined) {
        violation(
          `record ${number} is stored twice: ${other.shardId} ${other.sequenceNumber}, ${shardId} ${sequenceNumber}`,
        );
      }
      if (record.outcome === "refused") violation(`record ${number} was refused, and is stored`);
      seen.set(number, { shardId, sequenceNumber });
    }
  }
  for (const record of ledger.records) {
    if (record.stream !== scan.stream || record.outcome !== "acknowledged") continue;
    const found = seen.get(record.number);
    if (found === undefined && mayHaveExpired(record, scan)) continue;
    if (found === undefined) violation(`record ${record.number} was acknowledged at ${record.shardId}, and is lost`);
    else if (found.shardId !== record.shardId || found.sequenceNumber !== record.sequenceNumber) {
      violation(
        `record ${record.number} was acknowledged at ${record.sequenceNumber}, and is at ${found.sequenceNumber}`,
      );
    }
  }
  checkWriters(scan.stream, ledger, violation);
  checkFamilies(scan, violation);
}

/** Old enough, and everything before it is gone too. */
function mayHaveExpired(record: LedgerRecord, { records, expiryUs }: FinalScan): boolean {
  if (expiryUs === undefined || record.putAtUs >= expiryUs) return false;
  const first = records.get(record.shardId)?.[0];
  return first === undefined || BigInt(record.sequenceNumber) < BigInt(first.sequenceNumber);
}

/** One after another by one writer under one key: over reshards too. */
function checkWriters(stream: string, ledger: Ledger, violation: Violation): void {
  const last = new Map<string, LedgerRecord>();
  for (const record of ledger.records) {
    if (record.stream !== stream || record.outcome !== "acknowledged") continue;
    const key = `${record.writer} ${record.partitionKey}`;
    const before = last.get(key);
    if (before !== undefined && BigInt(before.sequenceNumber) >= BigInt(record.sequenceNumber)) {
      violation(
        `record ${record.number} of ${key} has a smaller sequence number than record ${before.number} before it`,
      );
    }
    last.set(key, record);
  }
}

/** What children hold is greater than what their parents hold. */
function checkFamilies({ shards, records, stream }: FinalScan, violation: Violation): void {
  for (const { ShardId, ParentShardId, AdjacentParentShardId } of shards) {
    const first = records.get(ShardId)?.[0];
    if (first === undefined) continue;
    for (const parent of [ParentShardId, AdjacentParentShardId]) {
      const last = parent === undefined ? undefined : records.get(parent)?.at(-1);
      if (last !== undefined && BigInt(last.sequenceNumber) >= BigInt(first.sequenceNumber)) {
        violation(`${stream}: ${ShardId} begins below the end of its parent ${parent}`);
      }
    }
  }
}

/** Every reader saw a stretch of the final order without a gap, from where it had to begin. */
export function checkObservation(seen: Observation, scan: FinalScan, ledger: Ledger, violation: Violation): void {
  const all = scan.records.get(seen.shardId) ?? [];
  const where = `${seen.reader} from ${seen.type} of ${seen.stream} ${seen.shardId}`;
  const positions = new Map(all.map(({ sequenceNumber }, at) => [sequenceNumber, at]));
  const kept = seen.records.filter(({ sequenceNumber }) => positions.has(sequenceNumber));
  checkVanished(seen, scan, where, violation);
  const [first] = kept;
  let begin = first === undefined ? undefined : positions.get(first.sequenceNumber);
  kept.forEach((record, offset) => {
    const expected = all[(begin as number) + offset];
    if (expected?.sequenceNumber !== record.sequenceNumber || expected.number !== record.number) {
      violation(`${where}: saw ${record.sequenceNumber} where ${expected?.sequenceNumber ?? "nothing"} is`);
    }
  });
  const mustBegin = scan.expiryUs === undefined ? beginOf(seen, all) : undefined;
  if (
    mustBegin !== undefined &&
    begin !== undefined &&
    begin !== mustBegin &&
    !isLater(seen, all.slice(begin, mustBegin), ledger)
  ) {
    const times = [begin - 1, begin, mustBegin - 1, mustBegin].map((at) => all[at]?.arrivalMs);
    violation(`${where}: began at position ${begin}, not ${mustBegin} (of ${seen.timestampMs}: ${times.join(" ")})`);
  }
  if (seen.type === "LATEST") checkLatest(seen, all, begin, ledger, where, violation);
  if (mustBegin === undefined && seen.type !== "TRIM_HORIZON") return;
  // Whatever was acknowledged before an answer that was up to date must be in it, or before it.
  begin ??= mustBegin ?? 0;
  const end = begin + kept.length;
  for (const { number, sequenceNumber } of all.slice(end)) {
    const record = number === undefined ? undefined : ledger.records[number];
    if (record?.outcome === "acknowledged" && record.acknowledgedAtUs < seen.upToDateAtUs - READ_STALENESS_US_MAX) {
      violation(
        `${where}: up to date at ${seen.upToDateAtUs / 1e6} s after ${seen.records.length} records without record ${record.number} ` +
          `(${sequenceNumber}), acknowledged at ${record.acknowledgedAtUs / 1e6} s`,
      );
      break;
    }
  }
  if (seen.isAtEnd && end !== all.length) violation(`${where}: came to the end after ${end} of ${all.length} records`);
}

/** What was seen and is not there at the end has expired: it stood before all that is left. */
function checkVanished(seen: Observation, scan: FinalScan, where: string, violation: Violation): void {
  const all = scan.records.get(seen.shardId) ?? [];
  const present = new Set(all.map(({ sequenceNumber }) => sequenceNumber));
  let last = -1n;
  for (const { sequenceNumber } of seen.records) {
    const at = BigInt(sequenceNumber);
    if (at <= last) violation(`${where}: ${sequenceNumber} came after a greater one`);
    last = at;
    if (present.has(sequenceNumber)) continue;
    const isOlder = all[0] === undefined || at < BigInt(all[0].sequenceNumber);
    if (scan.expiryUs === undefined || !isOlder)
      violation(`${where}: saw ${sequenceNumber}, which is not there at the end`);
  }
}

/** A time that no arrival had reached yet stands for the end as it was: what came then may carry an earlier time. */
function isLater(seen: Observation, between: readonly ReadRecord[], ledger: Ledger): boolean {
  if (seen.type !== "AT_TIMESTAMP" || between.length === 0) return false;
  return between.every(({ number }) => {
    const record = ledger.records[number ?? -1];
    return record !== undefined && !(record.outcome === "acknowledged" && record.acknowledgedAtUs < seen.askedAtUs);
  });
}

/** Where in the final order it has to begin; undefined when that is not exact. */
function beginOf(seen: Observation, all: readonly ReadRecord[]): number | undefined {
  const { type, sequenceNumber, timestampMs } = seen;
  if (type === "TRIM_HORIZON") return 0;
  if (sequenceNumber !== undefined) {
    const at = all.findIndex((record) => record.sequenceNumber === sequenceNumber);
    return type === "AT_SEQUENCE_NUMBER" ? at : at + 1;
  }
  if (timestampMs === undefined) return undefined;
  const at = all.findIndex(({ arrivalMs }) => arrivalMs >= timestampMs);
  return at === -1 ? undefined : at;
}

/** Nothing that was acknowledged before it asked; everything that was put after it knew. */
function checkLatest(
  seen: Observation,
  all: readonly ReadRecord[],
  begin: number | undefined,
  ledger: Ledger,
  where: string,
  violation: Violation,
): void {
  if (begin === undefined) return;
  const firstSeen = ledger.records[all[begin]?.number ?? -1];
  if (firstSeen?.outcome === "acknowledged" && firstSeen.acknowledgedAtUs < seen.askedAtUs) {
    violation(`${where}: began with record ${firstSeen.number}, acknowledged before it asked`);
  }
  const before = ledger.records[all[begin - 1]?.number ?? -1];
  if (before !== undefined && before.putAtUs > seen.knownAtUs) {
    violation(`${where}: missed record ${before.number}, put after it had its iterator`);
  }
}
