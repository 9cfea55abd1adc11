import type { Producer } from "@millrace/client";
import { type LoadOptions, open } from "./load.ts";

const PAUSE_MS = 5;
/** The connection is made, the code compiled. */
const WARM_UP_RECORDS = 20;
const HASH_KEYS = 1n << 128n;

export interface GapsAnswer {
  /** Of each shard: the longest time between two acknowledgements. */
  readonly worstMs: readonly number[];
}

/** Writers that feel what happens to the brokers, one a shard, until standard input ends. */
export async function gaps(options: LoadOptions): Promise<GapsAnswer> {
  const client = await open(options);
  const producer = client.producer(options.stream, { lingerMs: 0 });
  const stop = { isAsked: false };
  process.stdin.resume().once("end", () => (stop.isAsked = true));
  const shards = Array.from({ length: options.shards }, (_, shard) => shard);
  const writers = shards.map((shard) => longestGap(producer, options, shard, stop));
  console.log("writing");
  const worstMs = await Promise.all(writers);
  await client.close();
  return { worstMs };
}

async function longestGap(
  producer: Producer,
  { shards, recordBytes }: LoadOptions,
  shard: number,
  stop: { readonly isAsked: boolean },
): Promise<number> {
  const explicitHashKey = (HASH_KEYS * BigInt(2 * shard + 1)) / BigInt(2 * shards);
  const record = { partitionKey: "gaps", data: Buffer.alloc(recordBytes), explicitHashKey };
  for (let index = 0; index < WARM_UP_RECORDS; index++) await producer.put(record);
  let worst = 0;
  let last = performance.now();
  while (!stop.isAsked) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await producer.put(record);
    worst = Math.max(worst, performance.now() - last);
    last = performance.now();
  }
  return worst;
}
