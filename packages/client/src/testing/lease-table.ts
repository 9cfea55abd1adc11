import type { Command, CommandResult__Output, Lease, LeaseChange, LeasesRequest, LeasesResult } from "@millrace/proto";

/** What the controllers know of one stream's consumer groups, and decide about them, without controllers. */
export class LeaseTable {
  readonly #groups = new Map<string, Map<number, Lease>>();
  updateCount = 0;

  read({ group = "" }: LeasesRequest): LeasesResult {
    const leases = this.#groups.get(group);
    return { exists: leases !== undefined, leases: [...(leases?.values() ?? [])], groups: [...this.#groups.keys()] };
  }

  lease(group: string, shardNumber: number): Lease | undefined {
    return this.#groups.get(group)?.get(shardNumber);
  }

  execute({ updateLeases, removeGroup }: Command, version: number): CommandResult__Output {
    const done = (code?: string, refusedShards: number[] = []): CommandResult__Output => {
      const error = code === undefined ? null : { code, message: code, details: {} };
      return { version, error, incarnation: 0, refusedShards };
    };
    if (removeGroup) return done(this.#groups.delete(removeGroup.group ?? "") ? undefined : "GROUP_NOT_FOUND");
    if (!updateLeases) return done();
    this.updateCount++;
    const { group = "", worker = "", begin = false, changes = [] } = updateLeases;
    const known = this.#groups.get(group);
    if (begin === (known !== undefined)) return done(begin ? "GROUP_EXISTS" : "GROUP_NOT_FOUND");
    const leases = known ?? new Map<number, Lease>();
    this.#groups.set(group, leases);
    return done(
      undefined,
      changes.filter((change) => !apply(leases, change, begin ? "" : worker)).map(({ shardNumber = 0 }) => shardNumber),
    );
  }
}

function apply(leases: Map<number, Lease>, change: LeaseChange, worker: string): boolean {
  const { shardNumber = 0, counter = 0, nextOffset = 0, done = false, release = false, claim = false } = change;
  const before = leases.get(shardNumber);
  const current = before?.counter ?? 0;
  if (claim) {
    if (before?.counter !== counter || before.done || ["", worker].includes(before.owner)) return false;
    if (!["", worker].includes(before.claimant)) return false;
    leases.set(shardNumber, { ...before, claimant: worker });
    return true;
  }
  const owner = done ? "" : release ? (before?.claimant ?? "") : worker;
  const isRepeated = current === Number(counter) + 1 && before?.owner === owner;
  if (current !== counter && !isRepeated) return false;
  leases.set(shardNumber, {
    shardNumber,
    owner,
    counter: Number(counter) + 1,
    nextOffset: Math.max(before?.nextOffset ?? 0, Number(nextOffset)),
    done: done || before?.done === true,
    claimant: !done && !release && before?.owner === worker ? before.claimant : "",
  });
  return true;
}
