import { memberIds, type NodeId } from "@millrace/raft";
import type { GroupId, LogStore } from "@millrace/storage";
import { type Clock, errorMessage, type Logger } from "@millrace/util";
import type { FetchedEntry, FetchedState, FetchEntry, GroupHandle, PeerMessage } from "./types.ts";

export interface EntryRepairOptions {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: LogStore;
  readonly group: (groupId: GroupId) => GroupHandle | undefined;
  /** Nodes to ask. */
  readonly connected: () => Iterable<NodeId>;
  readonly send: (groupId: GroupId, message: PeerMessage & { to: NodeId }) => void;
}

const ANSWER_TIMEOUT_MS = 1_000;
const AGAIN_AFTER_MS = 200;
/** Nobody has it now. Whoever needs it asks again. */
const GIVE_UP_AFTER_MS = 10_000;
/** More are repaired when they are read the next time. */
const AT_ONCE_MAX = 64;
/** Behind one that was replaced: what was lost together comes back together, not as fast as somebody comes upon one after another. */
const LOOK_AHEAD = 16;

interface Waiting {
  readonly from: NodeId;
  readonly answered: (message: Answer | undefined) => void;
}

type Answer = FetchedEntry | FetchedState;

/** True: it can be read again, or is not wanted any more. A state: nobody who answers has it, this is what it led to. */
type Repaired = boolean | FetchedState;

/**
 * What a disk has lost of a log that its index still knows comes back from the peers, entry by entry: protocol-aware recovery. The
 * log's term at the index says which entry it must be, so it does not matter who sends it, nor whether that one leads.
 */
export class EntryRepair {
  readonly #options: EntryRepairOptions;
  readonly #running = new Map<string, Promise<Repaired>>();
  readonly #waiting = new Map<string, Waiting>();
  /** The last entry of a group that was looked at, while some of it are repaired. */
  readonly #lookedAt = new Map<GroupId, number>();
  #isClosed = false;
  /** Entries replaced since the start. */
  repairedCount = 0;

  constructor(options: EntryRepairOptions) {
    this.#options = options;
    options.store.onCorruptEntry((groupId, index) => void this.repair(groupId, index));
  }

  repair(groupId: GroupId, index: number): Promise<Repaired> {
    const key = `${groupId} ${index}`;
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    if (this.#running.size >= AT_ONCE_MAX) return this.#options.clock.sleep(AGAIN_AFTER_MS).then(() => false);
    const running = this.#repair(key, groupId, index).finally(() => {
      this.#running.delete(key);
      if (![...this.#running.keys()].some((other) => other.startsWith(`${groupId} `))) this.#lookedAt.delete(groupId);
    });
    this.#running.set(key, running);
    return running;
  }

  async #repair(key: string, groupId: GroupId, index: number): Promise<Repaired> {
    const { clock, store, logger } = this.#options;
    logger.warn({ groupId, index }, "an entry on the disk is unreadable: asking its other replicas");
    const deadlineMs = clock.monotonicMs() + GIVE_UP_AFTER_MS;
    while (!this.#isClosed && clock.monotonicMs() < deadlineMs) {
      let superseding: FetchedState | undefined;
      for (const peer of this.#peers(groupId)) {
        const answer = await this.#ask(key, groupId, index, peer);
        if (this.#isClosed || !this.#isWanted(groupId, index)) return !this.#isClosed;
        if (answer?.type === "fetchedState") superseding = answer;
        const entry = answer?.type === "fetchedEntry" ? answer.entry : undefined;
        if (entry === undefined) continue;
        const isRepaired = await store.repair(groupId, entry).catch(() => false);
        if (!isRepaired) continue;
        this.repairedCount++;
        logger.info({ groupId, index, peer }, "an unreadable entry was replaced");
        this.#lookAhead(groupId, index);
        return true;
      }
      if (superseding !== undefined && superseding.truncatedIndex >= index) return superseding;
      await clock.sleep(AGAIN_AFTER_MS);
    }
    return false;
  }

  /** Whatever is unreadable, the store says so when it is read. */
  #lookAhead(groupId: GroupId, index: number): void {
    const { store } = this.#options;
    const end = index + LOOK_AHEAD;
    let next = Math.max(index, this.#lookedAt.get(groupId) ?? 0) + 1;
    for (; next <= end && this.#isWanted(groupId, next); next++) {
      store.read(groupId, next, next, { bytesMax: 1 }).catch(() => undefined);
    }
    this.#lookedAt.set(groupId, next - 1);
  }

  /** A log that was cut short or expired needs it no more. */
  #isWanted(groupId: GroupId, index: number): boolean {
    const log = this.#options.store.summary(groupId);
    return log !== undefined && index > log.truncatedIndex && index <= log.lastIndex;
  }

  /** The other members, as far as they are known; while the group is not open yet, everybody. */
  #peers(groupId: GroupId): NodeId[] {
    const { connected, group, nodeId } = this.#options;
    const peers = [...connected()].filter((peer) => peer !== nodeId);
    const membership = group(groupId)?.membership;
    const members = membership === undefined ? [] : memberIds(membership);
    return peers.toSorted((a, b) => Number(members.includes(b)) - Number(members.includes(a)));
  }

  #ask(key: string, groupId: GroupId, index: number, peer: NodeId): Promise<Answer | undefined> {
    const { clock, send, nodeId } = this.#options;
    return new Promise((resolve) => {
      const answered = (message: Answer | undefined): void => {
        timer.cancel();
        this.#waiting.delete(key);
        resolve(message);
      };
      const timer = clock.setTimer(ANSWER_TIMEOUT_MS, () => answered(undefined));
      this.#waiting.set(key, { from: peer, answered });
      send(groupId, { type: "fetchEntry", from: nodeId, to: peer, index });
    });
  }

  fetched(groupId: GroupId, message: Answer): void {
    const waiting = this.#waiting.get(`${groupId} ${message.index}`);
    if (waiting?.from === message.from) waiting.answered(message);
  }

  /** A peer asks for what is here, perhaps. */
  asked(groupId: GroupId, { from, index }: FetchEntry): void {
    const { store, send, nodeId, logger, group } = this.#options;
    const beginning = group(groupId)?.beginning();
    if (beginning !== undefined && index <= beginning.truncatedIndex) {
      send(groupId, { type: "fetchedState", from: nodeId, to: from, index, ...beginning });
      return;
    }
    const answer = (entry: FetchedEntry["entry"]): void => {
      if (!this.#isClosed) send(groupId, { type: "fetchedEntry", from: nodeId, to: from, index, entry });
    };
    store.read(groupId, index, index, { bytesMax: 1 }).then(
      ([entry]) => answer(entry),
      (error: unknown) => {
        logger.debug({ groupId, index, error: errorMessage(error) }, "an entry that a peer needs is not here");
        answer(undefined);
      },
    );
  }

  close(): void {
    this.#isClosed = true;
    for (const { answered } of [...this.#waiting.values()]) answered(undefined);
  }
}
