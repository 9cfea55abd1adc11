import { join } from "node:path";
import { decodeStoredState, encodeStoredState } from "@millrace/multiraft";
import { type LogStore, openLogStore } from "@millrace/storage";
import { MIB, readSmallFile, type World } from "@millrace/util";
import { decodeCommandEntry } from "../command.ts";
import { decide } from "../decisions/decide.ts";
import { CONTROLLER_GROUP_ID } from "../node.ts";
import { ClusterState } from "../state/cluster-state.ts";
import { digestOf } from "./backup-file.ts";

const READ_BYTES_MAX = 4 * MIB;
const MARK_FILE = "restored.json";
/** Of the one snapshot that a restored log begins with, on every controller the same. */
const START = { index: 1, term: 1 };

function openFolder(world: World, directory: string): Promise<LogStore> {
  const sizes = { segmentSizeBytes: 16 * MIB, cacheSizeBytes: MIB, reservedFreeBytes: 0 };
  return openLogStore(world, { directory, attributesOf: () => undefined, ...sizes });
}

/**
 * The state of a controller that is stopped, with all that its log holds: what is not known to be committed may have been
 * acknowledged by a majority that is gone. @throws Error when there is none
 */
export async function readControllerFolder(world: World, directory: string): Promise<Buffer> {
  const store = await openFolder(world, directory);
  try {
    const group = [...store.groups()].find(({ groupId }) => groupId === CONTROLLER_GROUP_ID);
    if (group === undefined) throw new Error("no controller has been there");
    const { log, truncationState, checkpoint } = group;
    const isNewer = checkpoint !== undefined && checkpoint.index > log.truncatedIndex;
    const stored = isNewer ? Buffer.from(checkpoint.state) : truncationState;
    const state = ClusterState.decode(stored.length === 0 ? stored : decodeStoredState(Buffer.from(stored)).machine);
    for (let from = (isNewer ? checkpoint.index : log.truncatedIndex) + 1; from <= log.lastIndex;) {
      const entries = await store.read(CONTROLLER_GROUP_ID, from, log.lastIndex, { bytesMax: READ_BYTES_MAX });
      for (const { type, payload } of entries) {
        if (type !== "data") continue;
        const { nowMs, command } = decodeCommandEntry(payload);
        decide(state, command, nowMs);
      }
      from += entries.length;
    }
    return state.encode();
  } finally {
    await store.close();
  }
}

/** A folder that a controller goes on from as if this state were all it had ever decided. It must be new. */
export async function writeControllerFolder(
  world: World,
  directory: string,
  controllerIds: readonly string[],
  state: Buffer,
): Promise<void> {
  await world.disk.makeDirectory(directory);
  const file = await world.disk.open(join(directory, MARK_FILE), { create: true });
  await file.write([Buffer.from(`${JSON.stringify({ state: digestOf(state) })}\n`)], 0);
  await file.datasync();
  await file.close();
  const store = await openFolder(world, directory);
  try {
    if ([...store.groups()].length > 0) throw new Error("a controller has been there already");
    const membership = { voters: [...controllerIds].toSorted(), votersOutgoing: [], learners: [] };
    await store.write([
      {
        groupId: CONTROLLER_GROUP_ID,
        truncatePrefix: {
          ...START,
          state: encodeStoredState({ membership, configEntries: [], machine: state }),
          reset: true,
        },
        hardState: { term: START.term, votedFor: undefined, commitIndex: START.index },
      },
    ]);
  } finally {
    await store.close();
  }
}

/**
 * Restored controllers speak with those only that were restored from the same: one that was forgotten, and is empty, must not
 * make a majority with another one that knows nothing. Undefined: it was never restored.
 */
export async function restoredMark(world: World, directory: string): Promise<string | undefined> {
  const bytes = await readSmallFile(world.disk, join(directory, MARK_FILE));
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as { state: string }).state.slice(0, 16);
}
