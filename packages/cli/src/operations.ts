import { type Command, InvalidArgumentError, Option } from "commander";
import type { Holder } from "./certs/authority.ts";
import type { ControllersOptions } from "./controllers-of.ts";
import { DEFAULT_DATA_DIRECTORY } from "./launcher/cluster-file.ts";
import { accountId, addressMap, controllersOption, integer } from "./options.ts";
import type { RecoverOptions } from "./recover/recover-shards.ts";
import { DEFAULT_ACCOUNT_ID } from "./roles.ts";
import { addPeerTlsOptions } from "./peer-tls-options.ts";

const DATA_DIR = process.env.MILLRACE_DATA_DIR ?? DEFAULT_DATA_DIRECTORY;

/** Commands for the days on which something must be set up, saved or repaired. */
export function addOperations(program: Command, orSay: (run: () => Promise<void>) => Promise<void>): void {
  const say = (line: string): void => console.log(line);

  program
    .command("certs")
    .description("an authority of the cluster's own, and certificates for its nodes and operators; again: renews them")
    .option("--out <dir>", "where they are kept", "millrace-certs")
    .option("--node <name=host,…>", "a node, or several that share a certificate, and how they are reached", nodes, [])
    .option("--operator <name>", "who runs commands on the cluster", operators, [])
    .option("--days <n>", "how long they count", integer(1, 3_650), 365)
    .addOption(new Option("--authority <change>", "to replace it: add, renew, drop").choices(["add", "drop"]))
    .action((options: CertsFlags) =>
      orSay(async () => {
        const { certs } = await import("./certs/certs.ts");
        const { authority = "keep", node, operator } = options;
        await certs({ ...options, authority, holders: [...node, ...operator], say });
      }),
    );

  addPeerTlsOptions(program.command("backup"))
    .description("write the cluster's metadata (streams, shards, placement; no records) to a file")
    .requiredOption("--out <file>", "where to")
    .option("--data-dir <dir>", "the cluster's data folder", DATA_DIR)
    .addOption(controllersOption())
    .action((options: ControllersOptions & { out: string }) =>
      orSay(async () => {
        const { backup } = await import("./restore/backup.ts");
        const { controllersOf } = await import("./controllers-of.ts");
        await backup(controllersOf(options), options.out, say);
      }),
    );

  program
    .command("restore")
    .description("make the folder of a controller whose group is lost, from the newest of what is left")
    .requiredOption("--from <path>", "a backup, or the data folder of a stopped broker or controller; repeat", repeated)
    .requiredOption("--into <dir>", "the data folder of the controller to be; nothing of a controller may be there")
    .addOption(
      new Option("--controllers <id=host:port,…>", "all controllers").argParser(addressMap).makeOptionMandatory(),
    )
    .action((options: { from: string[]; into: string; controllers: Map<string, string> }) =>
      orSay(async () => {
        const { restore } = await import("./restore/restore.ts");
        await restore({ ...options, say });
      }),
    );

  addPeerTlsOptions(program.command("recover-shard"))
    .description("UNSAFE: have shards whose majority is gone for good go on from the replica of one broker")
    .requiredOption("--stream <name>", "the stream")
    .option("--shard <n>", "the shard's number; all of the stream that need it when absent", integer(0, 1_000_000))
    .requiredOption("--from <broker>", "whose replica is left")
    .option("--accept-data-loss", "without it nothing is done but to say what would be", false)
    .option("--data-dir <dir>", "the cluster's data folder", DATA_DIR)
    .addOption(controllersOption())
    .option("--region <name>", "the stream's region", "us-east-1")
    .option("--account-id <digits>", "the stream's account", accountId, DEFAULT_ACCOUNT_ID)
    .action((options: ControllersOptions & Omit<RecoverOptions, "controllers" | "nodeCredentials" | "say">) =>
      orSay(async () => {
        const { recoverShards } = await import("./recover/recover-shards.ts");
        const { controllersOf } = await import("./controllers-of.ts");
        await recoverShards({ ...options, ...controllersOf(options), say });
      }),
    );
}

function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

interface CertsFlags {
  readonly out: string;
  readonly days: number;
  readonly node: readonly Holder[];
  readonly operator: readonly Holder[];
  readonly authority?: "add" | "drop";
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

function nodes(text: string, before: readonly Holder[]): Holder[] {
  const [name = "", list = ""] = text.split("=", 2);
  const hosts = list.split(",").filter((host) => host !== "");
  if (!NAME.test(name) || hosts.length === 0) throw new InvalidArgumentError("It must look like name=host,host.");
  return [...before, { kind: "node", name, hosts }];
}

function operators(name: string, before: readonly Holder[]): Holder[] {
  if (!NAME.test(name)) throw new InvalidArgumentError("A name has letters, digits, dots and dashes.");
  return [...before, { kind: "operator", name }];
}
