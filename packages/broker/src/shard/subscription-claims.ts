import type { ClaimRequest, ClaimVerdict } from "@millrace/proto";

/** A second subscription within this time of the first is refused; later it takes over. */
const TAKEOVER_AFTER_MS = 5_000;
/** Whoever has not claimed again for so long is gone. Gateways claim every two seconds. */
const GONE_AFTER_MS = 7_000;
/** A stream has at most twenty consumers; more come only from consumers that were deleted. */
const CONSUMERS_MAX = 64;

interface Claim {
  readonly subscriptionId: string;
  /** By the gateway's wall clock: orders subscriptions that meet again at a new leader. */
  readonly startedMs: number;
  /** Monotonic, of this broker; long ago for one that came from another leader. */
  readonly acceptedMs: number;
  readonly renewedMs: number;
}

/** Who subscribes to a shard for which consumer: one at a time, whatever gateway it came through. Kept by the leader only. */
export class SubscriptionClaims {
  readonly #byConsumer = new Map<string, Claim>();

  claim({ consumer, subscriptionId, startedMs, kind }: ClaimRequest, nowMs: number): ClaimVerdict {
    const current = this.#alive(consumer, nowMs);
    const isOwn = current?.subscriptionId === subscriptionId;
    if (kind === "release") {
      if (isOwn) this.#byConsumer.delete(consumer);
      return "granted";
    }
    if (current !== undefined && !isOwn) {
      if (kind === "first" && nowMs - current.acceptedMs < TAKEOVER_AFTER_MS) return "inUse";
      if (kind === "renewal" && current.startedMs >= startedMs) return "superseded";
    }
    const acceptedMs = isOwn ? current.acceptedMs : kind === "first" ? nowMs : -Infinity;
    this.#byConsumer.delete(consumer);
    this.#byConsumer.set(consumer, { subscriptionId, startedMs, acceptedMs, renewedMs: nowMs });
    if (this.#byConsumer.size > CONSUMERS_MAX) {
      const [oldest] = this.#byConsumer.keys();
      if (oldest !== undefined) this.#byConsumer.delete(oldest);
    }
    return "granted";
  }

  #alive(consumer: string, nowMs: number): Claim | undefined {
    const claim = this.#byConsumer.get(consumer);
    return claim !== undefined && nowMs - claim.renewedMs < GONE_AFTER_MS ? claim : undefined;
  }
}
