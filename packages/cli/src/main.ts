import { readFileSync, writeFileSync } from "node:fs";
import { Argument, Command } from "commander";
import type { BrokerAction } from "./brokers/brokers.ts";
import { DEFAULT_DATA_DIRECTORY } from "./launcher/cluster-file.ts";
import type { UpOptions } from "./launcher/up.ts";
import { type Declared, START_OPTIONS, UP_OPTIONS } from "./node-options.ts";
import { DEFAULT_ACCOUNT_ID, type NodeOptions, type Role } from "./roles.ts";
import { addOperations } from "./operations.ts";
import { accountId, addOptions, controllersOption, integer, share } from "./options.ts";
import { addPeerTlsOptions, type PeerTlsOptions } from "./peer-tls-options.ts";
import type { SingleOptions } from "./single.ts";
import type { ClusterSummary } from "./status/cluster-status.ts";
import type { StreamDeclaration } from "./streams/stream-declarations.ts";
import { addVerifyCommand } from "./verify/command.ts";

const streamsOf = ({ streams = [], streamsFile = [] }: Declared): StreamDeclaration[] => [...streams, ...streamsFile];

// A compose file passes on what nobody has set as a variable that is there and empty.
for (const [name, text] of Object.entries(process.env)) {
  if (name.startsWith("MILLRACE_") && text === "") delete process.env[name];
}

const PACKAGE_FILE = new URL("../package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(PACKAGE_FILE, "utf8")) as { version: string };

const program = new Command("millrace")
  .version(version)
  .description("Self-hosted Amazon Kinesis: a replicated, durable shard log behind the Kinesis API")
  .showHelpAfterError("(millrace help COMMAND shows the options)");

const LOCAL_DATA_DIR = process.env.MILLRACE_DATA_DIR ?? DEFAULT_DATA_DIRECTORY;

/** Errors are words for people here. */
async function orSay(run: () => Promise<void>): Promise<void> {
  // The timers of connections let a process end, and it must not while a command waits for one of them.
  const hold = setInterval(() => undefined, 60_000);
  try {
    await run();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    clearInterval(hold);
  }
}

const upCommand = program
  .command("up")
  .description("run a whole three-zone cluster on this machine, each node a process")
  .action((options: Omit<UpOptions, "streams"> & Declared) =>
    orSay(async () => {
      const { up } = await import("./launcher/up.ts");
      process.exitCode = await up({ ...options, streams: streamsOf(options) });
    }),
  );
addOptions(upCommand, UP_OPTIONS);

const startCommand = program.command("start").description("run one node: a controller, a broker, a gateway");
addOptions(startCommand, START_OPTIONS);
type StartOptions = Omit<NodeOptions, "roles"> & Omit<SingleOptions, "streams"> & Declared;
startCommand.action(async (options: StartOptions & { role?: Role[]; single: boolean }) => {
  await orSay(async () => {
    process.exitCode = await (options.single ? startSingle(options) : startNode(options));
  });
  // A connection that a library holds open must not keep a stopped node alive.
  setTimeout(() => process.exit(), 50).unref();
});

async function startNode(options: StartOptions & { role?: Role[] }): Promise<number> {
  for (const key of ["role", "id", "controllers"] as const) {
    if (options[key] === undefined) startCommand.error(`error: --${key} is needed (or --single)`);
  }
  for (const key of ["memory", "streams", "streamsFile"] as const) {
    // By flag, variable or config file.
    const isGiven = options[key] !== undefined && options[key] !== false;
    if (isGiven) startCommand.error(`error: --${key === "streamsFile" ? "streams-file" : key} goes with --single`);
  }
  const { runNode } = await import("./node.ts");
  return runNode({ ...options, roles: options.role ?? [] });
}

async function startSingle(options: StartOptions): Promise<number> {
  for (const key of ["role", "controllers"]) {
    if (startCommand.getOptionValueSource(key) === "cli")
      startCommand.error(`error: --single has every role: no --${key}`);
  }
  const { runSingle, SINGLE_LISTEN } = await import("./single.ts");
  const listen = startCommand.getOptionValueSource("listen") === "default" ? SINGLE_LISTEN : options.listen;
  return runSingle({ ...options, listen, id: options.id ?? "single", streams: streamsOf(options) });
}

addPeerTlsOptions(program.command("status"))
  .description("the nodes of a cluster and the health of its shards")
  .option("--data-dir <dir>", "the local cluster's data folder", LOCAL_DATA_DIR)
  .addOption(controllersOption())
  .option("--json", "for programs")
  .option("--check", "for monitors: exit status 1 unless every node is up and every shard fully replicated")
  .action((options: StatusOptions) =>
    orSay(async () => {
      const { isHealthy } = await import("./status/cluster-status.ts");
      const { statusTable } = await import("./status/table.ts");
      const status = await statusOf(options);
      if (status === undefined) {
        console.error(
          `No cluster was ever started in ${options.dataDir}: run npm start, or give --data-dir or --controllers.`,
        );
        process.exitCode = 2;
        return;
      }
      console.log(options.json === true ? JSON.stringify(status, undefined, 2) : statusTable(status));
      if (options.check === true && !isHealthy(status)) process.exitCode = 1;
    }),
  );

interface StatusOptions extends PeerTlsOptions {
  readonly dataDir: string;
  readonly controllers?: readonly string[];
  readonly json?: boolean;
  readonly check?: boolean;
}

async function statusOf(options: StatusOptions): Promise<ClusterSummary | undefined> {
  if (options.controllers === undefined) {
    const { clusterStatus } = await import("./status/cluster-status.ts");
    return clusterStatus(options.dataDir, options);
  }
  const { controllersOf } = await import("./controllers-of.ts");
  const { remoteStatus } = await import("./status/remote-status.ts");
  const { controllers, nodeCredentials } = controllersOf(options);
  return remoteStatus(controllers, nodeCredentials);
}

addPeerTlsOptions(program.command("faults"))
  .argument("<stream>", "the stream")
  .description("have a stream's users rehearse faults; what is not given is off, so nothing given ends them")
  .option("--data-dir <dir>", "the cluster's data folder", LOCAL_DATA_DIR)
  .addOption(controllersOption())
  .option("--region <name>", "the stream's region", "us-east-1")
  .option("--account-id <digits>", "the stream's account", accountId, DEFAULT_ACCOUNT_ID)
  .option("--throttled <share>", "of the records of puts and the calls of GetRecords, 0 to 1", share, 0)
  .option("--internal-failure <share>", "of the calls, 0 to 1", share, 0)
  .option("--expired-iterators <share>", "of the calls of GetRecords, 0 to 1", share, 0)
  .option("--latency-ms <n>", "added to each call", integer(0, 20_000), 0)
  .action((stream: string, options: FaultsOptions) =>
    orSay(async () => {
      const { setFaults } = await import("./faults/faults.ts");
      const { controllersOf } = await import("./controllers-of.ts");
      const { throttled, internalFailure, expiredIterators, latencyMs } = options;
      await setFaults({ ...options, ...controllersOf(options) }, stream, {
        throttledShare: throttled,
        internalFailureShare: internalFailure,
        expiredIteratorShare: expiredIterators,
        latencyMs,
      });
      const isOn = throttled + internalFailure + expiredIterators + latencyMs > 0;
      console.log(isOn ? `faults of ${stream} are on; millrace status shows them` : `faults of ${stream} are off`);
    }),
  );

interface FaultsOptions extends PeerTlsOptions {
  readonly dataDir: string;
  readonly controllers?: readonly string[];
  readonly region: string;
  readonly accountId: string;
  readonly throttled: number;
  readonly internalFailure: number;
  readonly expiredIterators: number;
  readonly latencyMs: number;
}

addPeerTlsOptions(program.command("broker"))
  .description("take a broker's replicas away (drain), let it have some again (undrain), or forget it (remove)")
  .addArgument(new Argument("<action>", "what to do").choices(["drain", "undrain", "remove"]))
  .argument("<id>", "the broker")
  .option("--data-dir <dir>", "the cluster's data folder", LOCAL_DATA_DIR)
  .addOption(controllersOption())
  .option("--wait", "until a broker that drains is empty", false)
  .action((action: BrokerAction, id: string, options: BrokerOptions) =>
    orSay(async () => {
      const { changeBroker } = await import("./brokers/brokers.ts");
      const { controllersOf } = await import("./controllers-of.ts");
      const say = (line: string): void => console.log(line);
      await changeBroker({ ...controllersOf(options), wait: options.wait, say }, action, id);
    }),
  );

program
  .command("top")
  .description("what the local cluster does now: nodes, streams, who is slow")
  .option("--data-dir <dir>", "the cluster's data folder", LOCAL_DATA_DIR)
  .option("--interval <seconds>", "between two looks", integer(1, 3_600), 2)
  .option("--once", "print once and end", false)
  .action((options: { dataDir: string; interval: number; once: boolean }) =>
    orSay(async () => {
      const { top } = await import("./top/top.ts");
      await top({ ...options, intervalS: options.interval });
    }),
  );

program
  .command("diagnose")
  .description("gather status, metrics and logs of the local cluster in a folder, to show to somebody else")
  .option("--data-dir <dir>", "the cluster's data folder", LOCAL_DATA_DIR)
  .option("--out <dir>", "where to", "millrace-diagnosis")
  .action((options: { dataDir: string; out: string }) =>
    orSay(async () => {
      const { diagnose } = await import("./diagnose/diagnose.ts");
      const files = await diagnose(options.dataDir, options.out);
      console.log(`${files.length} files in ${options.out}; none holds records or secrets`);
    }),
  );

interface BrokerOptions extends PeerTlsOptions {
  readonly dataDir: string;
  readonly controllers?: readonly string[];
  readonly wait: boolean;
}

addVerifyCommand(program);

program
  .command("zone")
  .description("write the availability zone of a Kubernetes node to a file, for --az-file")
  .requiredOption("--node <name>", "the node that this pod runs on", process.env.MILLRACE_NODE_NAME)
  .requiredOption("--write <file>", "where to")
  .action(async ({ node, write }: { node: string; write: string }) => {
    const { inClusterApiServer, zoneOfNode } = await import("./kubernetes/zone.ts");
    try {
      const zone = await zoneOfNode(inClusterApiServer(), node);
      writeFileSync(write, zone);
      console.log(`node ${node} is in zone ${zone}`);
    } catch (error) {
      console.error(`No zone: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  });

addOperations(program, orSay);

await program.parseAsync();
