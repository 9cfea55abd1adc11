import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { readCredentials } from "../credentials.ts";
import { httpUrl, integer } from "../options.ts";

interface VerifyOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials?: string;
  readonly minutes: number;
  readonly shards: number;
  readonly writers: number;
  readonly recordsPerPut: number;
  readonly pauseMs: number;
  readonly json?: string;
}

/** Exit status 0: all is as promised; 1: something was lost, repeated or reordered; 2: it could not be found out. */
export function addVerifyCommand(program: Command): void {
  program
    .command("verify")
    .description(
      "write to a stream of its own and read it back as it grows, while you break things; then say what was lost",
    )
    .option(
      "--endpoint <url>",
      "the Kinesis endpoint",
      httpUrl,
      process.env.MILLRACE_ENDPOINT ?? "http://127.0.0.1:4567",
    )
    .option("--region <name>", "the stream's region", process.env.AWS_REGION ?? "us-east-1")
    .option("--credentials <file>", "the gateways' file of access keys: its first key is used")
    .option("--minutes <n>", "how long to write; SIGTERM ends it earlier", integer(1, 100_000), 2)
    .option("--shards <n>", "of its stream", integer(1, 1_000), 6)
    .option("--writers <n>", "one request at a time each", integer(1, 1_000), 4)
    .option("--records-per-put <n>", "of a few bytes", integer(1, 500), 10)
    .option("--pause-ms <n>", "of a writer, between two requests", integer(0, 60_000), 20)
    .option("--json <file>", "keep the report")
    .addHelpText(
      "after",
      "\nWithout --credentials keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `any` when those are not set.",
    )
    .action(async (options: VerifyOptions) => {
      process.exitCode = await verify(options);
      // Connections that the SDK holds open must not keep a verifier alive that has said its word.
      setTimeout(() => process.exit(), 50).unref();
    });
}

async function verify({ endpoint, region, credentials, json, ...options }: VerifyOptions): Promise<number> {
  const { reportLines, runVerifier } = await import("@millrace/verifier");
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const say = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
  try {
    const target = { endpoint, region, ...keysOf(credentials) };
    const report = await runVerifier({ ...options, target, signal: stop.signal, onProgress: say });
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
    for (const line of reportLines(report)) console.log(line);
    return report.violations.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(`cannot verify: ${(error as Error).message}`);
    return 2;
  }
}

function keysOf(file: string | undefined): { accessKeyId: string; secretAccessKey: string } {
  const { AWS_ACCESS_KEY_ID: accessKeyId = "any", AWS_SECRET_ACCESS_KEY: secretAccessKey = "any" } = process.env;
  if (file === undefined) return { accessKeyId, secretAccessKey };
  const [first] = readCredentials(file);
  if (first === undefined) throw new Error(`${file} has no key`);
  return { accessKeyId: first[0], secretAccessKey: first[1].secretAccessKey };
}
