import { join } from "node:path";
import type { Disk } from "@millrace/util";
import type { IndexOpener } from "./index-store.ts";
import { rocksIndex } from "./rocks-index.ts";

/**
 * Moves a journal that cannot be trusted into `target`, and throws its index away, so that the store opens empty. The caller must have
 * made sure before that nobody takes the empty store for the old one. May be called again when it was cut short.
 */
export async function setJournalAside(
  disk: Disk,
  { directory, target, index = rocksIndex }: { directory: string; target: string; index?: IndexOpener | undefined },
): Promise<void> {
  const journal = join(directory, "journal");
  await disk.makeDirectory(target);
  await disk.syncDirectory(directory);
  // An index without its journal is refused, and a journal without its index is read from the beginning: so the index goes last.
  for (const name of await disk.list(journal)) await disk.rename(join(journal, name), join(target, name));
  await disk.syncDirectory(target);
  await disk.syncDirectory(journal);
  await index.destroy(join(directory, "index"));
}
