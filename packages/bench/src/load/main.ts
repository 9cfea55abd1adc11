// The load program for Millrace's native client. The first argument is the mode, the others are key=value; the answer is one line of
// JSON. The same modes as those of the programs for Kafka and NATS (../../peers), and a process of its own as they are.
import { gaps } from "./gaps.ts";
import { type LoadOptions, paced, throughput } from "./load.ts";

const [mode = "", ...rest] = process.argv.slice(2);
const given = new Map(rest.map((argument) => argument.split(/=(.*)/s, 2) as [string, string]));
const number = (name: string): number => Number(given.get(name) ?? 0);
const options: LoadOptions = {
  controllers: given.get("servers")?.split(",") ?? [],
  stream: given.get("topic") ?? "",
  shards: number("partitions"),
  recordBytes: number("recordBytes"),
  perSecond: number("perSecond"),
  warmUpSeconds: number("warmUp"),
  seconds: number("seconds"),
};
const modes: Record<string, (options: LoadOptions) => Promise<unknown>> = { throughput, paced, gaps };
const run = modes[mode];
if (run === undefined) throw new Error(`no mode ${mode}`);
console.log(JSON.stringify(await run(options)));
