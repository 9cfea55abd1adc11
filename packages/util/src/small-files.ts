import { join } from "node:path";
import type { Disk } from "./world.ts";

/** All of it; undefined when there is no such file. */
export async function readSmallFile(disk: Disk, path: string): Promise<Buffer | undefined> {
  try {
    const file = await disk.open(path, { create: false });
    try {
      const bytes = Buffer.alloc(await file.sizeBytes());
      await file.read(bytes, 0);
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export const IDENTITY_FILE = "identity.json";

/**
 * Whose a data folder is, as it stands there; undefined when it is nobody's.
 * @throws Error that says what there is to do: a folder of which nobody can tell must not be taken for a new one
 */
export async function readIdentityFile(disk: Disk, directory: string): Promise<object | undefined> {
  const path = join(directory, IDENTITY_FILE);
  const bytes = await readSmallFile(disk, path);
  if (bytes === undefined) return undefined;
  let identity: unknown;
  try {
    identity = JSON.parse(bytes.toString());
  } catch {
    // Said below.
  }
  if (typeof identity === "object" && identity !== null) return identity;
  throw new Error(
    `${path} is damaged, so nobody can tell whose data this is: put the file back from a copy, or move ${directory} away; with an ` +
      "empty folder this node begins anew and is filled by the others, which must be well",
  );
}

export function writeIdentityFile(disk: Disk, directory: string, identity: object): Promise<void> {
  return replaceSmallFile(disk, directory, IDENTITY_FILE, Buffer.from(`${JSON.stringify(identity)}\n`));
}

/** The old file or the new one, whole, whatever happens between; the new one, durable, when it resolves. */
export async function replaceSmallFile(disk: Disk, directory: string, name: string, bytes: Buffer): Promise<void> {
  const path = join(directory, name);
  const file = await disk.open(`${path}.new`, { create: true });
  try {
    await file.truncate(0);
    await file.write([bytes], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.rename(`${path}.new`, path);
  await disk.syncDirectory(directory);
}
