import { assert } from "./assert.ts";
import type { FollowerProgress, NodeId } from "./types.ts";

/**
 * The leader's view of one follower.
 *
 * - `probe`: where the logs meet is not known. One append of at most one entry at a time: the host cannot split it, so
 *   one probe has one answer, and a refusal names the probe that it refuses.
 * - `replicate`: they meet; ranges are sent ahead of the answers, up to a bound.
 * - `snapshot`: the follower needs what was truncated away; nothing is sent until it has the log's new beginning.
 *
 * Invariant: matchIndex < nextIndex.
 */
export class Progress {
  readonly nodeId: NodeId;
  /** The follower has everything up to here on disk, identical to the leader's. */
  matchIndex = 0;
  /** The next entry to send. */
  nextIndex: number;
  state: FollowerProgress["state"] = "probe";
  /** Heard of since the check-quorum window began. */
  recentlyActive: boolean;
  /** Probe only: sent and not answered yet. */
  probeSent = false;
  /** Snapshot only: what was sent. */
  snapshotIndex = 0;
  /** Ticks since the follower last answered an append, or since one was sent to it when nothing was on its way. */
  silentTicks = 0;
  /** The latest read round that the follower has confirmed. */
  readContextConfirmed = 0;
  /**
   * The last index of each range on its way, ascending. A range counts as answered once the follower matches up to its
   * end, however many messages the host made of it.
   */
  readonly #inFlight: number[] = [];

  constructor(nodeId: NodeId, nextIndex: number, recentlyActive: boolean) {
    this.nodeId = nodeId;
    this.nextIndex = nextIndex;
    this.recentlyActive = recentlyActive;
  }

  /** Something was sent that the follower has not answered. */
  get isWaiting(): boolean {
    if (this.state === "probe") return this.probeSent;
    return this.state === "snapshot" || this.#inFlight.length > 0;
  }

  isPaused(inFlightAppendsMax: number): boolean {
    if (this.state === "probe") return this.probeSent;
    return this.state === "snapshot" || this.#inFlight.length >= inFlightAppendsMax;
  }

  becomeProbe(nextIndex: number): void {
    assert(nextIndex > this.matchIndex, "what matches is not sent again");
    this.state = "probe";
    this.nextIndex = nextIndex;
    this.probeSent = false;
    this.#inFlight.length = 0;
  }

  becomeSnapshot(snapshotIndex: number): void {
    this.state = "snapshot";
    this.snapshotIndex = snapshotIndex;
    this.silentTicks = 0;
    this.#inFlight.length = 0;
  }

  /** Notes that the entries up to `toIndex` were handed over for sending. */
  sent(toIndex: number): void {
    if (!this.isWaiting) this.silentTicks = 0;
    if (this.state === "probe") {
      this.probeSent = true;
      return;
    }
    assert(toIndex >= this.nextIndex, "a range ahead is not empty");
    this.#inFlight.push(toIndex);
    this.nextIndex = toIndex + 1;
  }

  /** The follower has everything up to `index`. False when that was known. */
  acknowledged(index: number): boolean {
    this.silentTicks = 0;
    const isNews = index > this.matchIndex;
    if (isNews) {
      this.matchIndex = index;
      this.nextIndex = Math.max(this.nextIndex, index + 1);
    }
    if (this.state === "snapshot") {
      if (this.matchIndex < this.snapshotIndex) return isNews;
      this.becomeProbe(this.matchIndex + 1);
    }
    if (this.state === "probe") {
      // An old acknowledgement (of what was sent before the probe) shows as well where the logs meet.
      this.becomeProbe(this.matchIndex + 1);
      this.state = "replicate";
      return isNews;
    }
    let answered = 0;
    while (answered < this.#inFlight.length && (this.#inFlight[answered] as number) <= this.matchIndex) answered++;
    if (answered > 0) this.#inFlight.splice(0, answered);
    return isNews;
  }

  /** Is a refusal of `prevIndex` about something that is still on its way? Else it is old, or was sent twice. */
  isCurrentRefusal(prevIndex: number): boolean {
    if (this.state === "probe") return this.probeSent && prevIndex === this.nextIndex - 1;
    return this.state === "replicate" && prevIndex > this.matchIndex && prevIndex < this.nextIndex;
  }

  view(): FollowerProgress {
    const { nodeId, matchIndex, state, recentlyActive } = this;
    return { nodeId, matchIndex, state, recentlyActive };
  }
}
