import { ClusterMetadata, type ControllerConnection, MetadataWatcher } from "@millrace/client";
import { refusalOfRecovery } from "@millrace/controller";
import { formatShardId, type Shard } from "@millrace/proto";
import { realWorld, silentLogger } from "@millrace/util";
import type { ControllersTarget } from "../controllers-of.ts";
import { newCommandId, withControllers } from "../reach-controllers.ts";
import { describeTail } from "./shard-tail.ts";

export interface RecoverOptions extends ControllersTarget {
  readonly stream: string;
  readonly accountId: string;
  readonly region: string;
  /** Its number; every shard of the stream that has lost its majority when absent. */
  readonly shard?: number;
  /** The broker whose replica is left. */
  readonly from: string;
  readonly acceptDataLoss: boolean;
  readonly say: (line: string) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 10_000;

const WARNING = `UNSAFE: a shard is recovered from one replica alone.
What other replicas had acknowledged and this one does not have is lost for good, and readers may have seen it.
If the lost brokers can come back, even one of them for each shard, bring them back instead: then nothing is lost.
Once recovered, what they still have of these shards is thrown away when they return.`;

/** One shard, or those of a stream that need it. @throws Error in words for people */
export async function recoverShards(options: RecoverOptions): Promise<void> {
  await withControllers(options, (controllers) => recoverBy(controllers, options));
}

async function recoverBy(controllers: ControllerConnection, options: RecoverOptions): Promise<void> {
  const { nodeCredentials, accountId, region, stream, from, say } = options;
  const { clock, random } = realWorld();
  const base = { clock, random, logger: silentLogger, nodeCredentials };
  // First: it says why when it is not answered.
  const { state } = await controllers.backup({ timeoutMs: CONNECT_TIMEOUT_MS });
  const metadata = new ClusterMetadata({ clock });
  const watcher = new MetadataWatcher({ controllers, metadata });
  try {
    if (!(await watcher.ready(CONNECT_TIMEOUT_MS))) throw new Error("the controllers did not answer");
    const view = metadata.stream(accountId, region, stream);
    if (view === undefined) throw new Error(`no stream ${stream} in account ${accountId}, region ${region}`);
    const shards = view.stream.shards.filter(({ number }) => options.shard === undefined || number === options.shard);
    if (shards.length === 0) throw new Error(`${stream} has no shard ${options.shard}`);
    say(WARNING);
    if (!options.acceptDataLoss) {
      rehearse(Buffer.from(state), shards, options);
      throw new Error("Nothing was done: give --accept-data-loss if that is what you want.");
    }
    let recovered = 0;
    for (const shard of shards) {
      const refusal = await recover(controllers, shard, from);
      const name = formatShardId(shard.number);
      if (refusal !== undefined) {
        say(`${name}: untouched: ${refusal}`);
        continue;
      }
      recovered++;
      say(`${name}: ${await describeTail({ ...base, metadata }, shard)}`);
    }
    if (recovered === 0) throw new Error("no shard was recovered");
    say(`${recovered} of ${shards.length} shards recovered; new replicas are made as brokers of other zones are up`);
  } finally {
    watcher.close();
  }
}

/** What would be done, by the decision itself. @throws Error when it would be nothing */
function rehearse(state: Buffer, shards: readonly Shard[], { from, say }: RecoverOptions): void {
  let wouldBe = 0;
  for (const { number, groupId } of shards) {
    const refusal = refusalOfRecovery(state, groupId, from);
    if (refusal === undefined) wouldBe++;
    say(
      `${formatShardId(number)}: would be ${refusal === undefined ? `recovered from ${from}` : `untouched: ${refusal}`}`,
    );
  }
  if (wouldBe === 0) throw new Error("Nothing was done, and nothing would be.");
}

/** Why it was refused; undefined when it is done. */
async function recover(
  controllers: ControllerConnection,
  { groupId }: Shard,
  survivor: string,
): Promise<string | undefined> {
  const command = { commandId: newCommandId(), recoverShard: { groupId, survivor } };
  const { error } = await controllers.execute(command, { timeoutMs: COMMAND_TIMEOUT_MS });
  return error?.message;
}
