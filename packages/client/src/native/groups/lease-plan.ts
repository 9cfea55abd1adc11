import type { Lease } from "@millrace/proto";
import type { Random } from "@millrace/util";
import type { ShardView, StreamView } from "../../stream-view.ts";

/** A shard that this worker may have, and what it knows of its lease. */
export interface Take {
  readonly shard: ShardView;
  /** 0: it has no lease yet. */
  readonly counter: number;
  readonly nextOffset: number;
}

/** Since when each counter stands still, by this worker's own clock: the only clock that a lease expires by. */
export class LeaseSightings {
  readonly #sightings = new Map<number, { readonly counter: number; readonly sinceMs: number }>();

  /** `nowMs` is after the answer came: the counter moved before it. */
  note(leases: Iterable<Lease>, nowMs: number): void {
    for (const { shardNumber, counter } of leases) {
      if (this.#sightings.get(shardNumber)?.counter === counter) continue;
      this.#sightings.set(shardNumber, { counter, sinceMs: nowMs });
    }
  }

  stoodStillMs(shardNumber: number, nowMs: number): number {
    return nowMs - (this.#sightings.get(shardNumber)?.sinceMs ?? nowMs);
  }
}

export interface PlanOptions {
  readonly worker: string;
  readonly view: StreamView;
  readonly leases: ReadonlyMap<number, Lease>;
  readonly isExpired: (lease: Lease) => boolean;
  /** Shard numbers that this worker has now. */
  readonly held: ReadonlySet<number>;
  readonly random: Random;
}

export interface Plan {
  /** Nobody's. */
  readonly takes: readonly Take[];
  /** Others', who are to give them up. */
  readonly claims: readonly Take[];
}

/** What another worker has or has claimed, and which of it may be claimed. */
interface Share {
  count: number;
  readonly claimable: Take[];
}

/**
 * What a worker wants in one round: its part of what is nobody's; and when nothing is, of whoever has most, until nobody has two
 * more than it. Others plan at the same time: of those that want the same lease one gets it. A claimed lease counts as its claimant's.
 */
export function planRound({ worker, view, leases, isExpired, held, random }: PlanOptions): Plan {
  const free: Take[] = [];
  const others = new Map<string, Share>();
  let count = 0;
  let ownCount = 0;
  for (const shard of view.shards) {
    const { number } = shard.shard;
    const lease = leases.get(number);
    if (lease?.done === true || !isNext(shard, view, leases)) continue;
    count++;
    const take = { shard, counter: lease?.counter ?? 0, nextOffset: lease?.nextOffset ?? 0 };
    // One that is ours by name and not in our hands: the answer was lost, or this worker was started anew.
    const isOurs = lease?.owner === worker;
    const isFree = lease === undefined || lease.owner === "" || isOurs || isExpired(lease);
    if (isFree && !held.has(number)) {
      free.push(take);
      continue;
    }
    const of = lease?.claimant || (held.has(number) ? worker : (lease?.owner ?? ""));
    if (of === worker) {
      ownCount++;
      continue;
    }
    const share = others.get(of) ?? { count: 0, claimable: [] };
    others.set(of, share);
    share.count++;
    if (lease?.claimant === "" && !isOurs) share.claimable.push(take);
  }
  const part = Math.ceil(count / (others.size + 1));
  if (free.length === 0) return { takes: [], claims: claimsOf([...others.values()], ownCount, random) };
  return { takes: shuffled(free, random).slice(0, Math.max(0, part - ownCount)), claims: [] };
}

/** Parents that are there still have to be done with first. */
function isNext({ shard }: ShardView, view: StreamView, leases: ReadonlyMap<number, Lease>): boolean {
  return [shard.parent, shard.adjacentParent].every(
    (parent) => parent < 0 || view.shardByNumber(parent) === undefined || leases.get(parent)?.done === true,
  );
}

function claimsOf(others: readonly Share[], ownCount: number, random: Random): Take[] {
  const shares = others.map(({ count, claimable }) => ({ count, claimable: shuffled(claimable, random) }));
  const claims: Take[] = [];
  for (;;) {
    const giving = shares.filter(({ claimable }) => claimable.length > 0);
    const [first, ...rest] = giving;
    if (first === undefined) return claims;
    const most = rest.reduce((a, b) => (b.count > a.count ? b : a), first);
    if (most.count < ownCount + claims.length + 2) return claims;
    most.count--;
    claims.push(most.claimable.pop() as Take);
  }
}

/** So that workers that plan at the same time seldom want the same. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.between(0, last);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
