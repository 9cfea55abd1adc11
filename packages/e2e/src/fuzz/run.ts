import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { callRaw } from "../harness/raw.ts";
import { SingleNode } from "../harness/single.ts";
import { Dice, type FuzzRequest, nextHeaders, nextRequest } from "./generator.ts";
import { exchange, http1Bytes, http2Bytes } from "./sockets.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly connections: number;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly rssBeforeMib: number;
  readonly rssAfterMib: number;
  /** None is what we promise. Each names what was sent. */
  readonly violations: readonly string[];
}

const LANES = 8;
const ANSWER_TIMEOUT_MS = 10_000;
const SOCKET_LINGER_MS = 200;
const ROUND = 400;
const VIOLATIONS_MAX = 20;
/** Caches fill and heaps settle first. */
const WARM_UP_SHARE = 0.3;
const RSS_GROWTH_MIB_MAX = 100;
/** Four times what lives in it. Left to itself V8 collects so seldom that its memory says nothing. */
const HEAP_MIB = 96;
/** What is said on purpose: everything else is a 500, or no answer. */
const DELIBERATE = new Set([200, 400, 403, 404, 405, 408, 411, 413, 415, 417, 431, 501, 503]);

/** Sends nonsense to a real node until the time is over. */
export async function fuzz({ seed, durationMs, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const node = await SingleNode.startWithin(HEAP_MIB, "--quotas", "off", "--streams", "fuzz:2,canary");
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const dice = new Dice(seed);
  const statuses = new Map<number, number>();
  const violations: string[] = [];
  const violated = (text: string): void => {
    if (violations.length < VIOLATIONS_MAX) violations.push(text);
  };
  let requests = 0;
  let connections = 0;
  let rssBeforeMib = rssMib(node.pid);
  const warmAt = performance.now() + WARM_UP_SHARE * durationMs;
  const deadline = performance.now() + durationMs;
  let isWarm = false;
  try {
    for (let round = 0; performance.now() < deadline && violations.length < VIOLATIONS_MAX; round++) {
      const plans = Array.from({ length: ROUND }, () => {
        const planned = nextRequest(dice);
        const headers = nextHeaders(dice, planned);
        const lane = dice.below(10);
        const bytes =
          lane === 0 ? http1Bytes(dice, planned, headers) : lane === 1 ? http2Bytes(dice, planned) : undefined;
        return { planned, headers, bytes };
      });
      await inLanes(plans, async ({ planned, headers, bytes }) => {
        if (bytes !== undefined) {
          connections++;
          const answer = await exchange(node.port, bytes, SOCKET_LINGER_MS);
          if (/^HTTP\/1\.1 50[02-9]/.test(answer)) violated(`${answer.slice(0, 60)} to ${bytes.toString("base64")}`);
          return;
        }
        requests++;
        const status = await send(node.endpoint, agent, planned, headers);
        if (typeof status === "number") statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (typeof status === "number" && DELIBERATE.has(status)) return;
        violated(
          `${status} to ${planned.operation} ${planned.encoding} ${planned.body.toString("base64").slice(0, 2_000)}`,
        );
      });
      await checkCanary(node, round, violated);
      if (!isWarm && performance.now() > warmAt) {
        isWarm = true;
        rssBeforeMib = rssMib(node.pid);
      }
      onProgress?.(
        `${requests} requests, ${connections} connections, ${rssMib(node.pid)} MiB, ${violations.length} violations`,
      );
    }
    const rssAfterMib = rssMib(node.pid);
    if (rssAfterMib - rssBeforeMib > RSS_GROWTH_MIB_MAX)
      violated(`memory grew from ${rssBeforeMib} to ${rssAfterMib} MiB`);
    for (const line of node.log.split("\n")) if (/"level":[56]0/.test(line)) violated(`logged: ${line.slice(0, 600)}`);
    return { seed, requests, connections, statuses, rssBeforeMib, rssAfterMib, violations };
  } finally {
    agent.destroy();
    await node.destroy();
  }
}

async function inLanes<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await run(items[next++] as T);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** The status, or why there is none. A stream of events is hung up on once it has begun. */
function send(
  endpoint: string,
  agent: Agent,
  { body }: FuzzRequest,
  headers: Record<string, string>,
): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(endpoint, { method: "POST", agent, headers: { ...headers, "content-length": body.length } });
    const timer = setTimeout(() => {
      sent.destroy();
      resolve(`no answer within ${ANSWER_TIMEOUT_MS} ms`);
    }, ANSWER_TIMEOUT_MS);
    const done = (outcome: number | string): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    sent.on("error", (error: NodeJS.ErrnoException) => done(`connection: ${error.code ?? error.message}`));
    sent.on("response", (response) => {
      const status = response.statusCode ?? 0;
      if (response.headers["content-type"] === "application/vnd.amazon.eventstream") {
        sent.destroy();
        done(status);
        return;
      }
      response.on("data", () => {});
      response.on("end", () => done(status));
      response.on("error", () => done(`connection: broken within an answer of ${status}`));
    });
    sent.end(body);
  });
}

/** Whatever was sent, a put and a read work, and soon. */
async function checkCanary(node: SingleNode, round: number, violated: (text: string) => void): Promise<void> {
  const startedAt = performance.now();
  try {
    const data = Buffer.from(`${round}`).toString("base64");
    const put = await callRaw(node.endpoint, "PutRecord", { StreamName: "canary", PartitionKey: "k", Data: data });
    const position = { ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: put.body.SequenceNumber };
    const ShardId = put.body.ShardId;
    const start = await callRaw(node.endpoint, "GetShardIterator", { StreamName: "canary", ShardId, ...position });
    const page = await callRaw(node.endpoint, "GetRecords", { ShardIterator: start.body.ShardIterator });
    const [record] = page.body.Records as { Data: string }[];
    if (record?.Data !== data) violated(`the canary's record of round ${round} is not there`);
  } catch (error) {
    violated(`the canary of round ${round} failed: ${(error as Error).message}`);
  }
  const tookMs = performance.now() - startedAt;
  if (tookMs > 5_000) violated(`the canary of round ${round} took ${Math.round(tookMs)} ms`);
}

function rssMib(pid: number): number {
  try {
    const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kib ?? 0) / 1_024);
  } catch {
    return 0; // no such file system here: nothing is measured
  }
}
