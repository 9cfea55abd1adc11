import { join } from "node:path";
import { CorruptJournal, type IndexOpener, type LogStore, setJournalAside } from "@millrace/storage";
import { errorMessage, type Logger, type World } from "@millrace/util";
import { type Identity, newIdentity, readIdentity, writeIdentity } from "./controller-disk.ts";

export interface OpenStoreOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly controllerId: string;
  /** Every controller's id and address, this one's too. */
  readonly peers: ReadonlyMap<string, string>;
  readonly index?: IndexOpener | undefined;
  readonly open: () => Promise<LogStore>;
}

/** With fewer the others cannot decide without this one. */
const CONTROLLERS_MIN = 3;
/** Disks that go bad this often want a human being. */
const SET_ASIDE_MAX = 3;
const SET_ASIDE_ENOUGH =
  "the journal cannot be trusted, and as many were set aside before as may be: replace the disk, or remove the folders set-aside-* to let this controller begin anew once more";

/**
 * Opens a controller's store. A journal that cannot be trusted is set aside where others can do without it: the controller then has
 * another, empty disk, and is filled and taken in as a new member. It becomes that before the first file is moved, and what is left of
 * the journal is not opened when that was cut short.
 * @throws CorruptJournal where the others cannot do without it, or it happened too often
 */
export async function openControllerStore(options: OpenStoreOptions): Promise<LogStore> {
  const { world, logger, dataDir, controllerId, peers, open } = options;
  const { disk, random } = world;
  const identity = await readIdentity(disk, dataDir);
  if (identity?.settingAside !== undefined) await setAside(options, identity, identity.settingAside);
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof CorruptJournal) || peers.size < CONTROLLERS_MIN) throw error;
    const target = await targetFor(options);
    if (target === undefined) {
      logger.error({ dataDir, setAside: SET_ASIDE_MAX }, SET_ASIDE_ENOUGH);
      throw error;
    }
    logger.error(
      { error: errorMessage(error), setAside: join(dataDir, target) },
      "the journal cannot be trusted and is set aside: this controller begins anew, and is filled by the others",
    );
    const { known = {} } = identity ?? {};
    const another = { ...newIdentity(controllerId, random), known };
    await writeIdentity(disk, dataDir, { ...another, settingAside: target });
    await setAside(options, another, target);
    return open();
  }
}

/** May be called again when it was cut short. */
async function setAside(options: OpenStoreOptions, identity: Identity, target: string): Promise<void> {
  const { world, dataDir, index } = options;
  await setJournalAside(world.disk, { directory: dataDir, target: join(dataDir, target), index });
  await writeIdentity(world.disk, dataDir, { ...identity, settingAside: undefined });
}

async function targetFor({ world, dataDir }: OpenStoreOptions): Promise<string | undefined> {
  const names = new Set(await world.disk.list(dataDir));
  for (let number = 1; number <= SET_ASIDE_MAX; number++) {
    const name = `set-aside-${number}`;
    if (!names.has(name)) return name;
  }
  return undefined;
}
