import type { ShardView, StreamView } from "@millrace/client";
import { HOUR_MS } from "@millrace/util";
import { checkAccess } from "../access.ts";
import { awsError } from "../errors.ts";
import type { ApiRequest } from "../http/api-types.ts";
import type { ListShardsInput, ShardFilter } from "../model/generated/kinesis-types.ts";
import { openPageToken, sealPageToken } from "../pages.ts";
import {
  checkCreation,
  endOf,
  isExpired,
  isShardAfter,
  notActive,
  shardDescription,
  streamArn,
  streamOf,
} from "../streams.ts";
import { defineOperation, type Services } from "./operation.ts";

const PAGE_MAX = 1_000;

export const listShards = defineOperation("ListShards", (input, services, request) => {
  const listing = input.NextToken === undefined ? begin(input, services, request) : resume(input, services, request);
  const { view, filter, after } = listing;
  if (view.stream.status === "CREATING" || view.stream.status === "DELETING") throw notActive(view);
  const nowMs = services.clock.nowMs();
  const matching = shardsOf(listing).filter((shard) => isShardAfter(shard, after) && matches(shard, filter, nowMs));
  const page = matching.slice(0, Math.min(input.MaxResults ?? PAGE_MAX, PAGE_MAX));
  const last = page.at(-1);
  const next =
    last === undefined || page.length === matching.length
      ? {}
      : { NextToken: sealPageToken(services, "ListShards", tokenValues(listing, last.shard.number)) };
  return { Shards: page.map(shardDescription), ...next };
});

interface Listing {
  readonly view: StreamView;
  readonly filter: ShardFilter | undefined;
  /** A shard's number or id, or what a client says instead. */
  readonly after: string;
  /** The newest shard of when the first page was given. */
  readonly newest: number;
}

/**
 * All pages show the stream as it was when the first one was given: a parent that was open then is open in the later ones too, and
 * children that were made since are in none. KCL refuses a list in which an open shard has children.
 */
function shardsOf({ view, newest }: Pick<Listing, "view" | "newest">): readonly ShardView[] {
  if (newestOf(view) <= newest) return view.shards;
  const shards = view.shards.filter(({ shard }) => shard.number <= newest);
  const parents = new Set(shards.flatMap(({ shard }) => [shard.parent, shard.adjacentParent]));
  return shards.map((each) =>
    each.open || parents.has(each.shard.number)
      ? each
      : { ...each, open: true, shard: { ...each.shard, closedAtS: 0 } },
  );
}

function newestOf({ shards }: StreamView): number {
  return shards.at(-1)?.shard.number ?? -1;
}

function begin(input: ListShardsInput, { metadata }: Services, caller: { accountId: string; region: string }): Listing {
  if (input.StreamName === undefined && input.StreamARN === undefined) throw awsError("TOKEN_OR_STREAM", {});
  const view = streamOf(metadata, input, caller);
  checkCreation(view, input.StreamCreationTimestamp);
  const filter = input.ShardFilter;
  const needsTimestamp = filter?.Type === "AT_TIMESTAMP" || filter?.Type === "FROM_TIMESTAMP";
  if (needsTimestamp && filter.Timestamp === undefined) {
    throw awsError("INVALID_ARGUMENT", { text: `Timestamp must be specified for shard filter type ${filter.Type}.` });
  }
  if (filter?.Type === "AFTER_SHARD_ID" && filter.ShardId === undefined) {
    throw awsError("INVALID_ARGUMENT", { text: "ShardId must be specified for shard filter type AFTER_SHARD_ID." });
  }
  const start = input.ExclusiveStartShardId ?? (filter?.Type === "AFTER_SHARD_ID" ? filter.ShardId : undefined);
  return { view, filter, after: start ?? "", newest: newestOf(view) };
}

function resume(input: ListShardsInput, services: Services, request: ApiRequest): Listing {
  if (input.StreamName !== undefined || input.StreamARN !== undefined) throw awsError("TOKEN_AND_STREAM", {});
  for (const member of ["StreamCreationTimestamp", "ExclusiveStartShardId", "ShardFilter"] as const) {
    if (input[member] !== undefined) throw awsError("TOKEN_AND_MEMBER", { member });
  }
  const values = openPageToken(services, "ListShards", input.NextToken ?? "");
  const view = services.metadata.streamById(Number(values.streamId));
  if (view === undefined) {
    throw awsError("STREAM_NOT_FOUND", { stream: String(values.stream), accountId: String(values.accountId) });
  }
  checkAccess(streamArn(view), request);
  const type = values.type as ShardFilter["Type"] | undefined;
  const timestamp = values.timestamp === undefined ? {} : { Timestamp: Number(values.timestamp) };
  return {
    view,
    filter: type === undefined ? undefined : { Type: type, ...timestamp },
    after: String(values.after),
    // A gateway of the version before gave a token without it.
    newest: Number(values.newest ?? newestOf(view)),
  };
}

function tokenValues({ view: { stream, key }, filter, newest }: Listing, after: number) {
  return {
    streamId: stream.streamId,
    stream: key.name,
    accountId: key.accountId,
    after,
    newest,
    ...(filter === undefined ? {} : { type: filter.Type }),
    ...(filter?.Timestamp === undefined ? {} : { timestamp: filter.Timestamp }),
  };
}

/**
 * Half-open life spans, so that the shards of one moment tile the key space: a parent ends where its children begin, and
 * for the second between that a child's creation time is later, the parent still counts.
 */
function matches(view: ShardView, filter: ShardFilter | undefined, nowMs: number): boolean {
  const { shard, stream } = view;
  const isUnexpired = !isExpired(view, nowMs);
  const horizonMs = Math.max(nowMs - stream.stream.retentionHours * HOUR_MS, stream.stream.createdAtMs);
  const startsMs = shard.parent < 0 ? 0 : shard.createdAtS * 1_000;
  const endsMs = endOf(shard);
  const isOpenAt = (timeMs: number): boolean => startsMs <= timeMs && timeMs < endsMs;
  switch (filter?.Type) {
    case undefined:
    case "FROM_TRIM_HORIZON":
    case "AFTER_SHARD_ID":
      return isUnexpired;
    case "AT_TRIM_HORIZON":
      return isOpenAt(horizonMs);
    case "AT_LATEST":
      return shard.closedAtS === 0;
    case "AT_TIMESTAMP":
      return isOpenAt(Math.min(Math.max(filter.Timestamp ?? 0, horizonMs), nowMs));
    case "FROM_TIMESTAMP":
      return isUnexpired && endsMs > Math.min(filter.Timestamp ?? 0, nowMs);
  }
}
