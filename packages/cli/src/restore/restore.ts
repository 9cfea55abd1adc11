import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadMetadata } from "@millrace/broker";
import {
  decodeBackup,
  describeState,
  readControllerFolder,
  restoredState,
  stateFromMetadata,
  writeControllerFolder,
} from "@millrace/controller";
import { errorMessage, realWorld } from "@millrace/util";

export interface RestoreOptions {
  /** Backups, and data folders of brokers and controllers that are stopped. */
  readonly from: readonly string[];
  /** The data folder of the controller to be. */
  readonly into: string;
  readonly controllers: ReadonlyMap<string, string>;
  readonly say: (line: string) => void;
}

interface Source {
  readonly what: string;
  readonly state: Buffer;
}

/**
 * Makes the folder of a controller that goes on with what a cluster knew: by the newest of what is given. To be done for every
 * controller, from the same. @throws Error in words for people
 */
export async function restore({ from, into, controllers, say }: RestoreOptions): Promise<void> {
  const target = join(resolve(into), "controller");
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new Error(`${target} is not empty: a controller has been there. Move it away first`);
  }
  const sources = (await Promise.all(from.map(readSource))).flat();
  const known = sources.map((source) => ({ ...source, ...describeState(source.state) }));
  for (const { what, clusterId, version, streams, shards } of known) {
    say(`${what}: ${clusterId}, version ${version}, ${streams} streams, ${shards} shards`);
  }
  const clusterIds = new Set(known.map(({ clusterId }) => clusterId));
  if (clusterIds.size > 1) throw new Error(`these are different clusters: ${[...clusterIds].join(", ")}`);
  const newest = known.reduce((best, each) => (each.version > best.version ? each : best));
  const others = known.filter((each) => each !== newest).map(({ state }) => state);
  const state = restoredState(newest.state, others);
  await writeControllerFolder(realWorld(), target, [...controllers.keys()], state);
  const { version } = describeState(state);
  say(`${target}: restored from ${newest.what}, goes on at version ${version}`);
  say("Do the same, from the same, for every controller; then start them all.");
}

/** A file is a backup; a folder is one of a node, with what its roles left there. */
async function readSource(path: string): Promise<Source[]> {
  const world = realWorld();
  try {
    if (!statSync(path).isDirectory()) return [{ what: path, state: decodeBackup(readFileSync(path)).state }];
    const sources: Source[] = [];
    const [controller, broker] = [join(path, "controller"), join(path, "broker")];
    if (existsSync(controller)) {
      sources.push({ what: controller, state: await readControllerFolder(world, controller) });
    }
    const metadata = existsSync(broker) ? await loadMetadata(world.disk, broker) : undefined;
    if (metadata !== undefined) sources.push({ what: broker, state: stateFromMetadata(metadata) });
    if (sources.length === 0) throw new Error("neither a controller nor a broker has been there");
    return sources;
  } catch (error) {
    throw new Error(`${path}: ${errorMessage(error)}`, { cause: error });
  }
}
