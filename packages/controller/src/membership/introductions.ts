import type { Acquaintance, Introduction__Output } from "@millrace/proto";
import { type Clock, errorMessage, type Logger, type Random } from "@millrace/util";
import type { ControllerDisk } from "./controller-disk.ts";

/** Asks the controller at an address. Rejects when it does not answer in time. */
export type AskPeer = (address: string, introduction: Introduction__Output) => Promise<Acquaintance>;

export interface IntroductionsOptions {
  readonly controllerId: string;
  /** Every controller's id and address, this one's too. */
  readonly peers: ReadonlyMap<string, string>;
  readonly disk: ControllerDisk;
  readonly ask: AskPeer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Asked {
  readonly id: string;
  readonly answer?: Acquaintance;
  readonly error?: string;
}

/** All processes of a first start come up at about the same time. */
const ROUND_MS_MIN = 50;
const ROUND_MS_MAX = 1_000;
const QUICK_ROUNDS = 20;
const LOG_EVERY_ROUNDS = 30;
const ASK_TO_JOIN_EVERY_MS = 500;

/** An empty folder is a first start or a lost disk, and the others know which (ADR 0008). */
export class Introductions {
  readonly #options: IntroductionsOptions;
  readonly #others: readonly (readonly [string, string])[];
  #isClosed = false;
  /** Why it is not known yet; empty when it is. */
  reasons: readonly string[] = [];

  constructor(options: IntroductionsOptions) {
    this.#options = options;
    this.#others = [...options.peers].filter(([id]) => id !== options.controllerId);
  }

  get controllers(): string {
    return [...this.#options.peers.keys()].toSorted().join(" ");
  }

  /**
   * Resolves when the disk is no new one any more. A founder needs the word of every other controller that it has never known another
   * disk of this one: a majority could consist of those that have forgotten.
   */
  async settle(): Promise<void> {
    const { disk, clock, random, logger, controllerId } = this.#options;
    for (let round = 1; disk.stage === "new" && !this.#isClosed; round++) {
      const asked = await this.#askAll("");
      if (this.#isClosed) return;
      if (asked.every(({ answer }) => answer?.knownDiskId === disk.diskId)) {
        await disk.found();
        break;
      }
      const answers = asked.flatMap(({ answer }) => answer ?? []);
      const leader = answers.find(({ isLeader, knownDiskId }) => isLeader === true && knownDiskId !== disk.diskId);
      if (leader !== undefined) {
        await disk.join(leader.restoredFrom ?? "");
        logger.warn(
          { controllerId, memberId: disk.memberId },
          "new disk: the others have lost sight of the one before, and fill this one",
        );
        break;
      }
      this.reasons = asked.flatMap((each) => reasonToWait(each, disk.diskId));
      if (round % LOG_EVERY_ROUNDS === 0) logger.warn({ reasons: this.reasons }, "waiting");
      const atMostMs = round < QUICK_ROUNDS ? 3 * ROUND_MS_MIN : ROUND_MS_MAX;
      await clock.sleep(random.between(ROUND_MS_MIN, atMostMs));
    }
    this.reasons = [];
  }

  /** Whenever this disk has no vote, whoever leads hears that it wants one. */
  async askToJoin(isVoter: () => boolean): Promise<void> {
    const { disk, clock } = this.#options;
    while (!this.#isClosed) {
      if (!isVoter()) await this.#askAll(disk.memberId);
      await clock.sleep(ASK_TO_JOIN_EVERY_MS);
    }
  }

  #askAll(memberId: string): Promise<Asked[]> {
    const { disk, controllerId, ask } = this.#options;
    const introduction = { controllerId, diskId: disk.diskId, controllers: this.controllers, memberId };
    return Promise.all(
      this.#others.map(async ([id, address]): Promise<Asked> => {
        try {
          const answer = await ask(address, introduction);
          // Whoever founds knows everybody's disk: those that are slower have its word then, and their later disks do not.
          await disk.acquaint(id, answer.diskId ?? "");
          return { id, answer };
        } catch (error) {
          return { id, error: errorMessage(error) };
        }
      }),
    );
  }

  close(): void {
    this.#isClosed = true;
  }
}

function reasonToWait({ id, answer, error }: Asked, diskId: string): string[] {
  if (answer === undefined)
    return [`new disk: ${id} has to say whether this is the first start, and does not: ${error}`];
  if (answer.knownDiskId === diskId) return [];
  if (answer.isMember !== true) return [`new disk: ${id} is new as well, and has heard of another one before`];
  return [
    `new disk: ${id} knows the one before; this one is filled when the others have a leader. If they cannot have one, restore`,
  ];
}
