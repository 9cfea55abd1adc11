import { dirname, join } from "node:path";
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

/** @throws Error that says what there is to do: a folder that says of nobody whose it is must not be taken for a new one */
export function parseIdentity(bytes: Buffer, path: string): object {
  let identity: unknown;
  try {
    identity = JSON.parse(bytes.toString());
  } catch {
    // Said below.
  }
  if (typeof identity === "object" && identity !== null) return identity;
  const folder = dirname(path);
  throw new Error(
    `${path} is damaged, so nobody can tell whose data this is: put the file back from a copy, or move ${folder} away; with an ` +
      "empty folder this node begins anew and is filled by the others, which must be well",
  );
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
