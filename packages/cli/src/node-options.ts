import { InvalidArgumentError } from "commander";
import { DEFAULT_DATA_DIRECTORY } from "./launcher/cluster-file.ts";
import {
  accountId,
  addressMap,
  httpUrl,
  integer,
  listening,
  name,
  type OptionRow,
  reachable,
  share,
} from "./options.ts";
import { PEER_TLS_OPTIONS } from "./peer-tls-options.ts";
import { DEFAULT_ACCOUNT_ID, type Role, ROLES } from "./roles.ts";
import { parseStreams, readStreamsFile, type StreamDeclaration } from "./streams/stream-declarations.ts";

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

export interface Declared {
  readonly streams?: readonly StreamDeclaration[];
  readonly streamsFile?: readonly StreamDeclaration[];
}

/** Of `millrace up`. */
export const UP_OPTIONS: readonly OptionRow[] = [
  { key: "port", placeholder: "n", default: 4567, parse: integer(1, 65_535), help: "port of the Kinesis endpoint" },
  DATA_DIR,
  QUOTAS,
  ...STREAMS,
  ...PEER_TLS_OPTIONS,
  { key: "restart", default: true, help: "leave a node that dies dead" },
  { key: "zoneNetworks", placeholder: "file", help: "each zone in a network of its own, for tests of partitions" },
  { key: "logLevel", placeholder: "level", default: "info", choices: LOG_LEVELS, help: "of the nodes' logs" },
];

/** Of `millrace start`. */
export const START_OPTIONS: readonly OptionRow[] = [
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
  { key: "id", placeholder: "name", parse: name, help: "this node's name, unique in the cluster, kept over restarts" },
  { key: "az", placeholder: "zone", default: "az-a", parse: name, help: "availability zone" },
  { key: "azFile", placeholder: "file", help: "a file that holds the availability zone, instead of --az" },
  {
    key: "listen",
    placeholder: "host:port",
    default: "127.0.0.1:0",
    parse: listening,
    help: "where the service listens (several roles: the gateway)",
  },
  { key: "controllerListen", placeholder: "host:port", parse: listening, help: "the controller, of several roles" },
  { key: "brokerListen", placeholder: "host:port", parse: listening, help: "the broker, of several roles" },
  { key: "advertise", placeholder: "host:port", parse: reachable, help: "its address as others reach it" },
  {
    key: "adminListen",
    placeholder: "host:port",
    default: "127.0.0.1:0",
    parse: listening,
    help: "metrics and health",
  },
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
  {
    key: "accountId",
    placeholder: "digits",
    default: DEFAULT_ACCOUNT_ID,
    parse: accountId,
    help: "account of keys that name none",
  },
  {
    key: "otlpEndpoint",
    placeholder: "url",
    parse: httpUrl,
    help: "OpenTelemetry traces go there (OTLP/HTTP, :4318); none without it",
  },
  { key: "otlpSample", placeholder: "share", default: 1, parse: share, help: "of requests that bring no trace along" },
  { key: "auditLog", placeholder: "file", help: "who changed what, in a file of its own instead of the log" },
  { key: "logLevel", placeholder: "level", default: "info", choices: LOG_LEVELS, help: "least severe lines logged" },
];

function roles(text: string): Role[] {
  const named = text.split(",").map((each) => {
    const role = ROLES.find((candidate) => candidate === each.trim());
    if (role === undefined) throw new InvalidArgumentError("Roles are controller, broker and gateway.");
    return role;
  });
  return [...new Set(named)];
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
