import type { Lease } from "@millrace/proto";

/** Leases of one group, by shard number. Values: a change replaces them. */
export type GroupLeases = ReadonlyMap<number, Lease>;

/**
 * Who of a consumer group reads which shard, and how far. Replicated with the metadata and removed with its stream, but no part of
 * what is watched: it changes every second, and only workers of the group want to know, who ask.
 */
export class ConsumerGroups {
  readonly #byStream = new Map<number, Map<string, Map<number, Lease>>>();
  #leaseCount = 0;

  /** Of all groups. */
  get leaseCount(): number {
    return this.#leaseCount;
  }

  /** In the order in which they began. */
  groupsOf(streamId: number): string[] {
    return [...(this.#byStream.get(streamId)?.keys() ?? [])];
  }

  /** Undefined before it has begun. */
  leasesOf(streamId: number, group: string): GroupLeases | undefined {
    return this.#byStream.get(streamId)?.get(group);
  }

  /** Without leases yet. One that is there stays as it is. */
  begin(streamId: number, group: string): void {
    const groups = this.#byStream.get(streamId) ?? new Map<string, Map<number, Lease>>();
    this.#byStream.set(streamId, groups);
    if (!groups.has(group)) groups.set(group, new Map());
  }

  put(streamId: number, group: string, lease: Lease): void {
    this.begin(streamId, group);
    const leases = this.#byStream.get(streamId)?.get(group);
    if (leases?.has(lease.shardNumber) === false) this.#leaseCount++;
    leases?.set(lease.shardNumber, lease);
  }

  /** Whether it was there. */
  remove(streamId: number, group: string): boolean {
    const groups = this.#byStream.get(streamId);
    const leases = groups?.get(group);
    if (groups === undefined || leases === undefined) return false;
    this.#leaseCount -= leases.size;
    groups.delete(group);
    if (groups.size === 0) this.#byStream.delete(streamId);
    return true;
  }

  removeStream(streamId: number): void {
    for (const group of this.groupsOf(streamId)) this.remove(streamId, group);
  }

  /** The same on every replica that applied the same decisions. */
  toStored(): StoredGroup[] {
    return [...this.#byStream].flatMap(([streamId, groups]) =>
      [...groups].map(([group, leases]): StoredGroup => ({
        streamId,
        group,
        leases: [...leases.values()].map(({ shardNumber, owner, counter, nextOffset, done, claimant }) =>
          // A tuple: there are as many as shards in all groups, and names of fields would be most of the bytes.
          [shardNumber, owner, counter, nextOffset, done ? 1 : 0, claimant],
        ),
      })),
    );
  }

  static fromStored(stored: readonly StoredGroup[]): ConsumerGroups {
    const groups = new ConsumerGroups();
    for (const { streamId, group, leases } of stored) {
      groups.begin(streamId, group);
      for (const [shardNumber, owner, counter, nextOffset, done, claimant] of leases) {
        groups.put(streamId, group, { shardNumber, owner, counter, nextOffset, done: done === 1, claimant });
      }
    }
    return groups;
  }
}

export interface StoredGroup {
  readonly streamId: number;
  readonly group: string;
  /** Shard number, owner, counter, next offset, 1 when the shard is done with, claimant. */
  readonly leases: readonly (readonly [number, string, number, number, 0 | 1, string])[];
}
