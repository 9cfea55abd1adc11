import { join } from "node:path";
import { type Disk, IDENTITY_FILE, type Random, readIdentityFile, writeIdentityFile } from "@millrace/util";

/** Who this broker is, as its disk remembers it. */
export interface Identity {
  readonly brokerId: string;
  /** Made with the folder: another one means another disk. */
  readonly diskId: string;
  /** 0 until the controller has given one (ADR 0004). */
  readonly incarnation: number;
  readonly clusterId: string;
  /** Copies that the cluster keeps of each record; 0 stands for the default. Absent until the controllers have said it. */
  readonly replicationFactor?: number;
}

const DISK_ID_SIZE_BYTES = 16;

/** @throws Error when the folder is another broker's */
export async function loadIdentity(disk: Disk, random: Random, directory: string, brokerId: string): Promise<Identity> {
  const identity = await readIdentity(disk, directory);
  if (identity === undefined) {
    const diskId = random.bytes(DISK_ID_SIZE_BYTES).toString("hex");
    const made = { brokerId, diskId, incarnation: 0, clusterId: "" };
    await saveIdentity(disk, directory, made);
    return made;
  }
  if (identity.brokerId !== brokerId) {
    throw new Error(`${directory} belongs to broker ${identity.brokerId}, and this one is ${brokerId}`);
  }
  return identity;
}

/** As it stands there; undefined when the folder is nobody's. @throws Error when it cannot be told whose it is */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity | undefined> {
  return (await readIdentityFile(disk, directory)) as Identity | undefined;
}

export async function hasIdentity(disk: Disk, directory: string): Promise<boolean> {
  return (await readIdentity(disk, directory)) !== undefined;
}

/** From then on the folder is nobody's. Nothing happens when it was before. */
export async function moveIdentity(disk: Disk, directory: string, target: string): Promise<void> {
  if (!(await hasIdentity(disk, directory))) return;
  await disk.rename(join(directory, IDENTITY_FILE), join(target, IDENTITY_FILE));
  await disk.syncDirectory(target);
  await disk.syncDirectory(directory);
}

export function saveIdentity(disk: Disk, directory: string, identity: Identity): Promise<void> {
  return writeIdentityFile(disk, directory, identity);
}
