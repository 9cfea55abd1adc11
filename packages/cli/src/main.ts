import { readFileSync, writeFileSync } from "node:fs";
import { Argument, Command, InvalidArgumentError } from "commander";
import type { BrokerAction } from "./brokers/brokers.ts";
import { DEFAULT_DATA_DIRECTORY } from "./launcher/cluster-file.ts";
import type { UpOptions } from "./launcher/up.ts";
import { DEFAULT_ACCOUNT_ID, type NodeOptions, type Role, ROLES } from "./roles.ts";
import { addOperations } from "./operations.ts";
import { address, addressMap, addOptions, controllersOption, integer, type OptionRow, share } from "./options.ts";
import { addPeerTlsOptions, PEER_TLS_OPTIONS, type PeerTlsOptions } from "./peer-tls-options.ts";
import type { SingleOptions } from "./single.ts";
import type { ClusterSummary } from "./status/cluster-status.ts";
import { parseStreams, readStreamsFile, type StreamDeclaration } from "./streams/stream-declarations.ts";
import { addVerifyCommand } from "./verify/command.ts";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const QUOTAS: OptionRow = {
  key: "quotas",
  placeholder: "mode",
  choices: ["aws", "off"],
  default: "aws",
  help: "shard quotas of PROVISIONED streams, set when the cluster is first started: Kinesis's own, or none",
};
const DATA_DIR: OptionRow = {
  key: "dataDir",
  placeholder: "dir",
  default: DEFAULT_DATA_DIRECTORY,
  help: "where everything is kept",
};

const STREAMS: readonly OptionRow[] = [
  {
    key: "streams",
    placeholder: "name:n,…",
    parse: declared(parseStreams),
    help: "streams to make if they are not there: name:shards or name:on-demand, and :48h for the retention",
  },
  { key: "streamsFile", placeholder: "file", parse: declared(readStreamsFile), help: "the same as a JSON list" },
  { key: "region", placeholder: "name", default: "us-east-1", help: "AWS region of those streams" },
];

interface Declared {
  readonly streams?: readonly StreamDeclaration[];
  readonly streamsFile?: readonly StreamDeclaration[];
}

const UP_OPTIONS: readonly OptionRow[] = [
  { key: "port", placeholder: "n", default: 4567, parse: integer(1, 65_535), help: "port of the Kinesis endpoint" },
  DATA_DIR,
  QUOTAS,
  ...STREAMS,
  ...PEER_TLS_OPTIONS,
  { key: "restart", default: true, help: "leave a node that dies dead" },
  { key: "zoneNetworks", placeholder: "file", help: "each zone in a network of its own, for tests of partitions" },
  { key: "logLevel", placeholder: "level", default: "info", choices: LOG_LEVELS, help: "of the nodes' logs" },
];

const START_OPTIONS: readonly OptionRow[] = [
  { key: "single", default: false, help: "all roles in this process, one copy of each record: for laptops and tests" },
  { key: "memory", default: false, help: "with --single: keep nothing on disk" },
  {
    key: "memoryLimitMib",
    placeholder: "n",
    default: 1_024,
    parse: integer(512, 1_048_576),
    help: "with --memory: records are refused beyond it",
  },
  ...STREAMS,
  { key: "role", placeholder: "roles", parse: roles, help: "controller, broker, gateway, or several with commas" },
  { key: "id", placeholder: "name", help: "this node's name, unique in the cluster, kept over restarts" },
  { key: "az", placeholder: "zone", default: "az-a", help: "availability zone" },
  { key: "azFile", placeholder: "file", help: "a file that holds the availability zone, instead of --az" },
  {
    key: "listen",
    placeholder: "host:port",
    default: "127.0.0.1:0",
    parse: address,
    help: "where the service listens (several roles: the gateway)",
  },
  { key: "controllerListen", placeholder: "host:port", parse: address, help: "the controller, of several roles" },
  { key: "brokerListen", placeholder: "host:port", parse: address, help: "the broker, of several roles" },
  { key: "advertise", placeholder: "host:port", parse: address, help: "its address as others reach it" },
  { key: "adminListen", placeholder: "host:port", default: "127.0.0.1:0", parse: address, help: "metrics and health" },
  DATA_DIR,
  { key: "controllers", placeholder: "id=host:port,…", parse: addressMap, help: "all controllers of the cluster" },
  {
    key: "catchUpMibPerSecond",
    placeholder: "n",
    default: 64,
    parse: integer(1, 100_000),
    help: "how fast this broker fills replicas that lack old records, all together",
  },
  QUOTAS,
  { key: "credentials", placeholder: "file", help: "access keys to accept (gateway); without it any are" },
  { key: "tlsCertificate", placeholder: "file", help: "PEM; TLS on the Kinesis endpoint, read again when it changes" },
  { key: "tlsKey", placeholder: "file", help: "PEM, of the certificate" },
  { key: "tlsOptional", default: false, help: "clear text on the same port, too" },
  ...PEER_TLS_OPTIONS,
  { key: "insecure", default: false, help: "accept any credentials on an address that is not loopback" },
  { key: "accountId", placeholder: "digits", default: DEFAULT_ACCOUNT_ID, help: "account of keys that name none" },
  {
    key: "otlpEndpoint",
    placeholder: "url",
    help: "OpenTelemetry traces go there (OTLP/HTTP, :4318); none without it",
  },
  { key: "otlpSample", placeholder: "share", default: 1, parse: share, help: "of requests that bring no trace along" },
  { key: "auditLog", placeholder: "file", help: "who changed what, in a file of its own instead of the log" },
  { key: "logLevel", placeholder: "level", default: "info", choices: LOG_LEVELS, help: "least severe lines logged" },
];

function roles(text: string): Role[] {
  return text.split(",").map((name) => {
    const role = ROLES.find((candidate) => candidate === name);
    if (role === undefined) throw new InvalidArgumentError("Roles are controller, broker and gateway.");
    return role;
  });
}

function declared(parse: (text: string) => StreamDeclaration[]): (text: string) => StreamDeclaration[] {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
  };
}

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
  try {
    await run();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
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
  readonly controllers?: string;
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
  .option("--account-id <digits>", "the stream's account", DEFAULT_ACCOUNT_ID)
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
  readonly controllers?: string;
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
  readonly controllers?: string;
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
