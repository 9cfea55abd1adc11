import type { NodeId } from "@millrace/raft";
import type { LogStore } from "@millrace/storage";
import { type Disk, type Random, readIdentityFile, writeIdentityFile } from "@millrace/util";
import { memberIdOf } from "./member-id.ts";

/**
 * - `new`: nothing was ever voted or acknowledged from here, and nobody knows yet whether it is a first start.
 * - `founder`: one of the disks that the group began with.
 * - `joiner`: takes the place of one that was lost.
 */
export type DiskStage = "new" | "founder" | "joiner";

export interface Identity {
  readonly controllerId: string;
  /** Made with the folder: another one means another disk. */
  readonly diskId: string;
  readonly stage: DiskStage;
  /** Of a joiner: what the group was restored from, if it was. */
  readonly restoredFrom?: string;
  /** The folder in this one that its untrusted journal is being moved to: what is left of it is nobody's. */
  readonly settingAside?: string | undefined;
  /** The first disk that each other controller was heard of with. Never another one: this disk has promised it. */
  readonly known: Readonly<Record<string, string>>;
}

export interface DiskOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly directory: string;
  readonly controllerId: string;
  readonly store: LogStore;
  readonly groupId: number;
}

const DISK_ID_SIZE_BYTES = 8;

/** What a controller's folder knows of itself, beside the log. */
export class ControllerDisk {
  readonly #options: DiskOptions;
  #identity: Identity;
  #saving: Promise<void> = Promise.resolve();
  /** What is known here is not on the disk: nobody has been told it. */
  #hasFailed = false;

  private constructor(options: DiskOptions, identity: Identity) {
    this.#options = options;
    this.#identity = identity;
  }

  /** @throws Error when the folder is another controller's */
  static async open(options: DiskOptions): Promise<ControllerDisk> {
    const { disk, directory, controllerId, random, store, groupId } = options;
    const found = await readIdentity(disk, directory);
    if (found !== undefined && found.controllerId !== controllerId) {
      throw new Error(`${directory} belongs to controller ${found.controllerId}, and this one is ${controllerId}`);
    }
    const hasLog = [...store.groups()].some((group) => group.groupId === groupId);
    const opened = new ControllerDisk(options, found ?? newIdentity(controllerId, random));
    if (hasLog && opened.stage === "new") {
      // Of a version without this file, restored, or died between the two steps of founding.
      await opened.#become("founder");
    } else if (!hasLog && opened.stage !== "new") {
      // Without its log it has forgotten what it promised: it is another disk from now on.
      opened.#identity = { ...newIdentity(controllerId, random), known: opened.#identity.known };
      await opened.#save();
    } else if (found === undefined) {
      await opened.#save();
    }
    return opened;
  }

  get diskId(): string {
    return this.#identity.diskId;
  }

  get stage(): DiskStage {
    return this.#identity.stage;
  }

  get restoredFrom(): string | undefined {
    return this.#identity.restoredFrom;
  }

  /** Under which it has a part in the group, if it may. */
  get memberId(): NodeId {
    const { controllerId, diskId, stage } = this.#identity;
    return stage === "founder" ? controllerId : memberIdOf(controllerId, diskId);
  }

  /**
   * The disk that another controller is known by here, once that is durable: the one that is named unless there was another before.
   * A member of the group takes note of nobody any more. Undefined: of nobody.
   */
  async acquaint(controllerId: string, diskId: string): Promise<string | undefined> {
    const { stage, known } = this.#identity;
    if (stage === "new" && known[controllerId] === undefined) {
      this.#identity = { ...this.#identity, known: { ...known, [controllerId]: diskId } };
      void this.#save();
    } else if (this.#hasFailed) {
      void this.#save();
    }
    await this.#saving;
    return this.#identity.known[controllerId];
  }

  /** The log is there before the word is: a founder without a log is known to have lost it. */
  async found(): Promise<void> {
    const { store, groupId } = this.#options;
    await store.write([{ groupId, hardState: { term: 0, votedFor: undefined, commitIndex: 0 } }]);
    await this.#become("founder");
  }

  async join(restoredFrom: string): Promise<void> {
    await this.#become("joiner", restoredFrom);
  }

  #become(stage: DiskStage, restoredFrom = ""): Promise<void> {
    this.#identity = { ...this.#identity, stage, ...(restoredFrom === "" ? {} : { restoredFrom }) };
    return this.#save();
  }

  /** One after the other. After one that failed nothing is promised until the whole file has been written anew, when somebody asks again. */
  #save(): Promise<void> {
    const { disk, directory } = this.#options;
    const save = async (): Promise<void> => {
      try {
        await writeIdentity(disk, directory, this.#identity);
        this.#hasFailed = false;
      } catch (error) {
        this.#hasFailed = true;
        throw error;
      }
    };
    this.#saving = this.#saving.then(save, save);
    return this.#saving;
  }
}

/** As it stands there; undefined when the folder is nobody's. @throws Error when it cannot be told whose it is */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity | undefined> {
  return (await readIdentityFile(disk, directory)) as Identity | undefined;
}

export function writeIdentity(disk: Disk, directory: string, identity: Identity): Promise<void> {
  return writeIdentityFile(disk, directory, identity);
}

export function newIdentity(controllerId: string, random: Random): Identity {
  return { controllerId, diskId: random.bytes(DISK_ID_SIZE_BYTES).toString("hex"), stage: "new", known: {} };
}
