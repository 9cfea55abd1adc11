import { parseSequenceNumber, SEQUENCE_INDEX_MAX } from "@millrace/proto";
import type { ShardView, StreamView } from "../stream-view.ts";
import { InvalidPosition } from "./errors.ts";
import { ancestorsOf } from "./reroute.ts";

/** By shard id: the sequence number of the last record that is done with, or that the whole shard is. */
export type Checkpoint = Readonly<Record<string, string>>;

export const SHARD_END = "SHARD_END";

export type StartPosition =
  /** The oldest records that are left, of all shards. */
  | "TRIM_HORIZON"
  /** What is put from now on. */
  | "LATEST"
  /** What arrived then or later. */
  | { readonly timestamp: Date | number }
  /** One shard from there, and its descendants. */
  | { readonly atSequenceNumber: string }
  | { readonly afterSequenceNumber: string }
  /** Where another consumer was; shards that it does not name from their beginning. */
  | { readonly checkpoint: Checkpoint };

/** Where to begin in one shard. `offset` as the broker has it: below the oldest means the oldest. */
export type ShardStart =
  | { readonly type: "offset"; readonly offset: number }
  | { readonly type: "tail" }
  | { readonly type: "time"; readonly timeMs: number };

export interface StartPlan {
  /** Shards that are begun right away. */
  readonly starts: ReadonlyMap<number, ShardStart>;
  /** Shard numbers that are done with. */
  readonly finished: ReadonlySet<number>;
  /** For the shards that are begun when their parents are done. */
  readonly later: ShardStart;
  /** Shards whose parents are not all known to be done, and whose turn therefore comes. False: only descendants of those begun. */
  readonly includesOthers: boolean;
}

const BEGINNING: ShardStart = { type: "offset", offset: 0 };

/** @throws InvalidPosition */
export function planStart(position: StartPosition, view: StreamView): StartPlan {
  if (position === "TRIM_HORIZON") {
    return { starts: new Map(), finished: new Set(), later: BEGINNING, includesOthers: true };
  }
  if (position === "LATEST") {
    const starts = new Map(view.openShards.map(({ shard }) => [shard.number, { type: "tail" } as const]));
    const finished = new Set(view.shards.filter(({ open }) => !open).map(({ shard }) => shard.number));
    return { starts, finished, later: BEGINNING, includesOthers: true };
  }
  if ("timestamp" in position) {
    const timeMs = Number(position.timestamp);
    if (!(timeMs >= 0)) throw new InvalidPosition("a timestamp is a date, or milliseconds of the epoch");
    const later = { type: "time", timeMs: Math.floor(timeMs) } as const;
    return { starts: new Map(), finished: new Set(), later, includesOthers: true };
  }
  if ("checkpoint" in position) return planCheckpoint(position.checkpoint, view);
  const isAt = "atSequenceNumber" in position;
  const { shard, offset } = placeOf(isAt ? position.atSequenceNumber : position.afterSequenceNumber, view);
  const start = { type: "offset", offset: isAt ? offset : offset + 1 } as const;
  const starts = new Map([[shard.shard.number, start]]);
  return { starts, finished: new Set(), later: BEGINNING, includesOthers: false };
}

function planCheckpoint(checkpoint: Checkpoint, view: StreamView): StartPlan {
  const starts = new Map<number, ShardStart>();
  const finished = new Set<number>();
  for (const shard of view.shards) {
    const done = checkpoint[shard.shardId];
    if (done === undefined) continue;
    // A shard is begun when its ancestors are done: so they were.
    for (const ancestor of ancestorsOf(shard)) finished.add(ancestor);
    if (done === SHARD_END) {
      finished.add(shard.shard.number);
      continue;
    }
    const place = placeOf(done, view);
    if (place.shard !== shard) throw new InvalidPosition(`${done} is not of ${shard.shardId}`);
    starts.set(shard.shard.number, { type: "offset", offset: place.offset + 1 });
  }
  for (const number of finished) starts.delete(number);
  return { starts, finished, later: BEGINNING, includesOthers: true };
}

function placeOf(text: string, view: StreamView): { shard: ShardView; offset: number } {
  const number = parseSequenceNumber(text);
  if (number === undefined) throw new InvalidPosition(`${text} is no sequence number`);
  const shard = view.shardByNumber(number.shardNumber);
  if (shard === undefined || shard.shard.createdAtS !== number.shardCreatedAtS) {
    throw new InvalidPosition(`${text} is of no shard of ${view.key.name}`);
  }
  if (number.index === SEQUENCE_INDEX_MAX) return { shard, offset: Number.MAX_SAFE_INTEGER - 2 };
  return { shard, offset: Number(number.index) };
}
