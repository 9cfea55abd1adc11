import { ClusterMetadata, connectControllers, type ControllerConnection, MetadataWatcher } from "@millrace/client";
import type { Command, NodeCredentials } from "@millrace/proto";
import type { Logger, World } from "@millrace/util";
import type { StreamDeclaration } from "./stream-declarations.ts";

export interface DeclareOptions {
  readonly world: World;
  readonly logger: Logger;
  /** host:port */
  readonly controllers: readonly string[];
  readonly accountId: string;
  readonly region: string;
  readonly streams: readonly StreamDeclaration[];
  readonly signal: AbortSignal;
  readonly nodeCredentials?: NodeCredentials | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 10_000;
const ACTIVE_TIMEOUT_MS = 30_000;
/** As many as the quotas let be created at once. */
const AT_ONCE_MAX = 5;

/**
 * Makes the streams that are not there. One that is stays as it is, whatever the declaration says of it. Resolves when all are
 * ACTIVE, with the version of the metadata that says so. @throws Error in words for people
 */
export async function declareStreams(options: DeclareOptions): Promise<number> {
  const { world, logger, streams, nodeCredentials } = options;
  const { clock, random } = world;
  const controllers = connectControllers({ addresses: options.controllers, clock, random, logger, nodeCredentials });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  try {
    if (!(await watcher.ready(CONNECT_TIMEOUT_MS, options.signal))) throw new Error("the controllers did not answer");
    for (let first = 0; first < streams.length; first += AT_ONCE_MAX) {
      const some = streams.slice(first, first + AT_ONCE_MAX);
      await Promise.all(some.map((stream) => declare(options, controllers, metadata, stream)));
    }
    return metadata.version;
  } finally {
    watcher.close();
    controllers.close();
  }
}

async function declare(
  options: DeclareOptions,
  controllers: ControllerConnection,
  metadata: ClusterMetadata,
  { name, mode, shardCount, retentionHours, tags }: StreamDeclaration,
): Promise<void> {
  const { world, logger, accountId, region, signal } = options;
  const key = { accountId, region, name };
  const execute = async (command: Omit<Command, "commandId">): Promise<string | undefined> => {
    const commandId = world.random.bytes(16).toString("hex");
    const { error } = await controllers.execute({ ...command, commandId }, { timeoutMs: COMMAND_TIMEOUT_MS, signal });
    if (error !== null && error.code !== "STREAM_EXISTS") throw new Error(`stream ${name}: ${error.message}`);
    return error?.code;
  };
  const existed = (await execute({ createStream: { key, mode, shardCount, tags } })) === "STREAM_EXISTS";
  const deadlineMs = world.clock.monotonicMs() + ACTIVE_TIMEOUT_MS;
  const find = () => metadata.stream(accountId, region, name)?.stream;
  while (find()?.status !== "ACTIVE") {
    const leftMs = deadlineMs - world.clock.monotonicMs();
    if (await metadata.waitForVersion(metadata.version + 1, leftMs, signal)) continue;
    throw new Error(`stream ${name} was not active within ${ACTIVE_TIMEOUT_MS} ms`);
  }
  const found = find();
  if (existed) {
    const open = found?.shards.filter((shard) => shard.closedAtS === 0).length;
    logger.info({ stream: name, mode: found?.mode, openShards: open }, "declared stream exists and stays as it is");
    return;
  }
  if (found?.retentionHours !== retentionHours) await execute({ updateStream: { key, retentionHours } });
  logger.info({ stream: name, mode, shards: found?.shards.length, retentionHours }, "declared stream made");
}
