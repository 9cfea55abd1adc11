import { join } from "node:path";
import { CorruptJournal, type IndexOpener, type LogStore, setJournalAside } from "@millrace/storage";
import { errorMessage, type Logger, type World } from "@millrace/util";
import { hasIdentity, moveIdentity, readIdentity } from "./identity.ts";
import { loadMetadata } from "./metadata-file.ts";

export interface OpenStoreOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly index?: IndexOpener | undefined;
  readonly open: () => Promise<LogStore>;
}

/** Disks that go bad this often want a human being. */
const SET_ASIDE_MAX = 3;
const SET_ASIDE_ENOUGH =
  "the journal cannot be trusted, and as many were set aside before as may be: replace the disk, or remove the folders set-aside-* to let this broker begin anew once more";

/**
 * Opens a broker's store. A journal that cannot be trusted is set aside where others have copies of what was in it: the broker then
 * has an empty disk, under a new name, and its replicas are filled from their peers. The name goes first: an empty log under the
 * old one would have forgotten what it acknowledged and whom it voted for.
 * @throws CorruptJournal where there are no other copies, or it happened too often
 */
export async function openBrokerStore(options: OpenStoreOptions): Promise<LogStore> {
  const { world, logger, dataDir, index, open } = options;
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof CorruptJournal)) throw error;
    if (!(await othersHaveCopies(options))) throw error;
    const target = await asidePath(options);
    if (target === undefined) {
      logger.error({ dataDir, setAside: SET_ASIDE_MAX }, SET_ASIDE_ENOUGH);
      throw error;
    }
    logger.error(
      { error: errorMessage(error), setAside: target },
      "the journal cannot be trusted and is set aside: this broker begins anew, and is filled from its peers",
    );
    await world.disk.makeDirectory(target);
    world.failpoint?.("set-aside.before-identity");
    await moveIdentity(world.disk, dataDir, target);
    world.failpoint?.("set-aside.before-journal");
    await setJournalAside(world.disk, { directory: dataDir, target, index });
    world.failpoint?.("set-aside.after-journal");
    return open();
  }
}

async function othersHaveCopies({ world, dataDir }: OpenStoreOptions): Promise<boolean> {
  const identity = await readIdentity(world.disk, dataDir);
  // It was moved aside already, or never told that it is anybody: nothing counts on what is here.
  if (identity === undefined || identity.incarnation === 0) return true;
  const metadata = await loadMetadata(world.disk, dataDir);
  const copies = identity.replicationFactor ?? metadata?.cluster?.settings?.replicationFactor;
  // 0 stands for the default, which is three.
  return copies !== undefined && copies !== 1;
}

/** The first that is free, or that was begun and not ended. */
async function asidePath({ world, dataDir }: OpenStoreOptions): Promise<string | undefined> {
  const isBegun = !(await hasIdentity(world.disk, dataDir));
  for (let number = 1; number <= SET_ASIDE_MAX; number++) {
    const path = join(dataDir, `set-aside-${number}`);
    const isNext = !(await hasIdentity(world.disk, join(dataDir, `set-aside-${number + 1}`)));
    if (!(await hasIdentity(world.disk, path)) || (isBegun && isNext)) return path;
  }
  return undefined;
}
