import type { Lease, LeaseChange__Output, Stream } from "@millrace/proto";
import type { RemoveGroup__Output, UpdateLeases__Output } from "../command.ts";
import type { GroupLeases } from "../state/consumer-groups.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { type Decision, Refusal } from "./decision.ts";
import { checkGroupName, checkGroupRoom, checkLeaseRoom } from "./limits.ts";

/**
 * Each change is decided for itself, by the lease's counter: who lost the lease knows an old one, and is refused, checkpoint and all.
 * A repetition finds the counter one ahead and the lease as it wishes for it, and is answered as the first was. For that reason answers
 * are not remembered: there is one a second from each worker, and they would crowd out those that need it.
 */
export const updateLeases: Decision<UpdateLeases__Output> = ({ state }, input) => {
  const { streamId, group, worker, begin } = input;
  checkGroupName("group", group);
  checkGroupName("worker", worker);
  const stream = streamOf(state, streamId);
  const { groups } = state;
  const leases = groups.leasesOf(streamId, group);
  if (begin && leases !== undefined) throw new Refusal("GROUP_EXISTS", `group ${group} has begun`);
  if (!begin && leases === undefined) throw new Refusal("GROUP_NOT_FOUND", `no group ${group}`);
  if (begin) checkGroupRoom(groups.groupsOf(streamId).length);
  const { accepted, refusedShards } = sorted(input, leases ?? NONE, stream);
  const additional = [...accepted.keys()].filter((number) => leases?.has(number) !== true).length;
  checkLeaseRoom({ ofGroup: leases?.size ?? 0, ofAll: groups.leaseCount, additional });

  if (begin) groups.begin(streamId, group);
  for (const lease of accepted.values()) groups.put(streamId, group, lease);
  return { refusedShards };
};

export const removeGroup: Decision<RemoveGroup__Output> = ({ state }, { streamId, group }) => {
  if (!state.groups.remove(streamId, group)) throw new Refusal("GROUP_NOT_FOUND", `no group ${group}`);
};

const NONE: GroupLeases = new Map();

function streamOf(state: ClusterState, streamId: number): Stream {
  const stream = state.streams.get(streamId);
  if (stream !== undefined && stream.status !== "DELETING") return stream;
  throw new Refusal("STREAM_NOT_FOUND", "no such stream");
}

/** @throws Refusal BAD_COMMAND */
function sorted(
  { worker, begin, changes }: UpdateLeases__Output,
  leases: GroupLeases,
  stream: Stream,
): { accepted: Map<number, Lease>; refusedShards: number[] } {
  const known = new Set(stream.shards.map(({ number }) => number));
  const accepted = new Map<number, Lease>();
  const refusedShards: number[] = [];
  for (const change of changes) {
    const { shardNumber, nextOffset } = change;
    if (!Number.isSafeInteger(nextOffset)) throw new Refusal("BAD_COMMAND", `${nextOffset} is no offset`);
    const before = accepted.get(shardNumber) ?? leases.get(shardNumber);
    // A group begins with what is known of its shards; who reads them is decided afterwards.
    const after = known.has(shardNumber) ? changed(before, change, begin ? "" : worker) : undefined;
    if (after === undefined) refusedShards.push(shardNumber);
    else accepted.set(shardNumber, after);
  }
  return { accepted, refusedShards };
}

/** Undefined when it comes too late. */
function changed(before: Lease | undefined, change: LeaseChange__Output, worker: string): Lease | undefined {
  const { shardNumber, counter, done, release } = change;
  if (change.claim) return claimed(before, counter, worker);
  const isKept = !done && !release;
  const owner = isKept ? worker : done ? "" : (before?.claimant ?? "");
  const current = before?.counter ?? 0;
  const isRepeated = current === counter + 1 && before?.owner === owner;
  if (current !== counter && !isRepeated) return undefined;
  return {
    shardNumber,
    owner,
    counter: isRepeated ? current : counter + 1,
    // A repetition of an earlier change may come after a later one: a checkpoint never goes back.
    nextOffset: Math.max(before?.nextOffset ?? 0, change.nextOffset),
    done: done || before?.done === true,
    // Whoever takes it over was not the one that was asked for it.
    claimant: isKept && before?.owner === worker ? before.claimant : "",
  };
}

/** The counter stays: the owner goes on renewing it until it is through. One that asks is enough. */
function claimed(before: Lease | undefined, counter: number, worker: string): Lease | undefined {
  if (before?.counter !== counter || before.done || before.owner === "" || before.owner === worker) return undefined;
  return before.claimant === "" || before.claimant === worker ? { ...before, claimant: worker } : undefined;
}
