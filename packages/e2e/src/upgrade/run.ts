import { KinesisClient } from "@aws-sdk/client-kinesis";
import { createStream, Ledger } from "@millrace/verifier";
import { MixedCluster } from "./mixed-cluster.ts";

export interface UpgradeOptions {
  /** Programs, in turn: the cluster starts with the first, and every node is then moved to the next. */
  readonly versions: readonly { readonly name: string; readonly program: string }[];
  readonly onProgress?: (line: string) => void;
}

export interface UpgradeReport {
  readonly steps: readonly { readonly to: string; readonly node: string; readonly longestGapMs: number }[];
  readonly acknowledged: number;
  readonly failedRequests: number;
  readonly failures: Record<string, number>;
  /** Lost, repeated or reordered records. */
  readonly violations: readonly string[];
}

const STREAM = "upgraded";
const WRITERS_PER_GATEWAY = 2;
const RECORDS_PER_PUT = 10;

/** Moves a cluster from version to version, node by node, while writers write. SDKs retry as they do by default. */
export async function runUpgrade({ versions, onProgress = () => undefined }: UpgradeOptions): Promise<UpgradeReport> {
  const [first, ...rest] = versions;
  if (first === undefined) throw new Error("at least one version");
  const cluster = await MixedCluster.start(first.program);
  const stop = new AbortController();
  const ledger = new Ledger(STREAM);
  const clients = cluster.endpoints.map(clientOf);
  const [client] = clients as [KinesisClient];
  const steps: { to: string; node: string; longestGapMs: number }[] = [];
  let writing: Promise<unknown> = Promise.resolve();
  try {
    await createStream(client, STREAM, 4);
    const writers = clients.flatMap((each, gateway) =>
      Array.from({ length: WRITERS_PER_GATEWAY }, (_, index) =>
        ledger.write(each, `writer-${gateway}-${index}`, RECORDS_PER_PUT, stop.signal, 5),
      ),
    );
    writing = Promise.all(writers);
    for (const { name, program } of rest) {
      for (const node of cluster.nodeIds) {
        ledger.longestGapMs = 0;
        const status = await cluster.stopNode(node);
        if (status !== 0) throw new Error(`${node} ended with ${status}`);
        cluster.startNode(node, program);
        await cluster.healthy();
        const longestGapMs = Math.round(ledger.longestGapMs);
        steps.push({ to: name, node, longestGapMs });
        onProgress(`${node} -> ${name}: longest gap of a writer ${longestGapMs} ms`);
      }
      // What needs a decision of the controllers works on each version, too.
      await createStream(client, `made-by-${steps.length}`, 1);
    }
    stop.abort();
    await writing;
    const violations = await ledger.verify(client);
    const { acknowledged, failedRequests, failures } = ledger;
    return {
      ...{ steps, failedRequests, violations },
      acknowledged: acknowledged.size,
      failures: Object.fromEntries(failures),
    };
  } finally {
    stop.abort();
    await writing.catch(() => undefined);
    for (const each of clients) each.destroy();
    await cluster.destroy();
  }
}

function clientOf(endpoint: string): KinesisClient {
  // A client has one endpoint: the pause of its own gateway's restart is for it to wait out, as behind a load balancer it would not.
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new KinesisClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 12 });
}
