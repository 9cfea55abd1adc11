import { GetShardIteratorCommand } from "@aws-sdk/client-kinesis";
import { type LocalCluster } from "@millrace/e2e";
import { shardIds } from "@millrace/verifier";
import { RawKinesis } from "../raw-http.ts";
import type { Figure } from "../report.ts";

/** GetRecords from TRIM_HORIZON over a filled stream, every shard at once. */
export async function readThroughput(cluster: LocalCluster, stream: string, seconds: number): Promise<Figure[]> {
  const client = cluster.client();
  const shards = await shardIds(client, stream);
  const raw = new RawKinesis(cluster.port, shards.length);
  const deadline = performance.now() + seconds * 1_000;
  let bytes = 0;
  let records = 0;
  const startedAt = performance.now();
  await Promise.all(
    shards.map(async (ShardId) => {
      while (performance.now() < deadline) {
        const start = await client.send(
          new GetShardIteratorCommand({ StreamName: stream, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
        );
        let iterator = start.ShardIterator;
        while (iterator !== undefined && performance.now() < deadline) {
          const answer = await raw.call("GetRecords", Buffer.from(JSON.stringify({ ShardIterator: iterator })));
          // Counted without parsing ten megabytes of JSON in the load generator.
          const found = countOf(answer, '"SequenceNumber"');
          if (found === 0) break;
          records += found;
          bytes += answer.length;
          iterator = /"NextShardIterator":"([^"]+)"/.exec(answer.toString("latin1"))?.[1];
        }
      }
    }),
  );
  const elapsed = (performance.now() - startedAt) / 1_000;
  raw.close();
  const workload = `GetRecords catch-up (raw HTTP)`;
  return [
    { workload, figure: "answers", value: bytes / 1e6 / elapsed, unit: "MB/s of JSON" },
    { workload, figure: "user data", value: (bytes / 1e6 / elapsed) * 0.65, unit: "MB/s (about)" },
    { workload, figure: "records", value: records / elapsed, unit: "1/s" },
  ];
}

function countOf(haystack: Buffer, needle: string): number {
  let count = 0;
  for (let at = haystack.indexOf(needle); at !== -1; at = haystack.indexOf(needle, at + needle.length)) count++;
  return count;
}
