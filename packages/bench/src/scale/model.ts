import type { ClusterSize } from "./cluster.ts";

/** What the bench measured on one small machine; `npm run bench -- --only control-plane,shards` measures it again. */
export interface Costs {
  readonly heartbeatBytes: number;
  readonly heartbeatWriteMs: number;
  readonly heartbeatReadMs: number;
  readonly metadataBytes: number;
  readonly metadataWriteMs: number;
  /** At a watcher: read and taken in. */
  readonly metadataTakeMs: number;
  /** All brokers, which go along when one of them changes. */
  readonly brokersBytes: number;
  /** One empty message of a quiet link, sent and received. */
  readonly linkBeatMs: number;
  /** What a controller's and a broker's passes over all shards take, of one core, for each thousand shards in the metadata. */
  readonly controllerPercentPer1000Shards: number;
  readonly brokerPercentPer1000Shards: number;
  /** By one broker, all at once: from the connection's end to the last one led. */
  readonly electionsPerSecond: number;
}

/** As the code has them. */
export const PACES = {
  heartbeatEveryMs: 500,
  linkBeatEveryMs: 100,
  brokerDownAfterMs: 2_000,
  replaceBrokerAfterS: 300,
  movesAtATime: 8,
  /** Begun, done, dropped: each waits for a broker's heartbeat. */
  decisionsOfAMove: 3,
} as const;

export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly how: string;
}

const ZONES = 3;
const REPLICAS = 3;
const CONTROLLERS = 3;

export interface Watched extends ClusterSize {
  /** Gateways that are no brokers: they watch, too. */
  readonly gateways: number;
}

export function model(size: Watched, costs: Costs): Row[] {
  const { brokers, shards, gateways } = size;
  const watchers = brokers + gateways;
  const hosted = (REPLICAS * shards) / brokers;
  const led = shards / brokers;
  const beatsPerSecond = (brokers * 1_000) / PACES.heartbeatEveryMs;
  const inOtherZones = brokers - brokers / ZONES;
  const linkBeatsPerSecond = (inOtherZones * 1_000) / PACES.linkBeatEveryMs;
  const lostBrokers = brokers / ZONES;
  const survivors = brokers - lostBrokers;
  const lostLeaders = shards / ZONES;
  const electionsEach = lostLeaders / survivors;
  const moveSeconds = (PACES.decisionsOfAMove * PACES.heartbeatEveryMs) / 1_000;
  const movesSeconds = (hosted / PACES.movesAtATime) * moveSeconds;
  const streamBytes = (costs.metadataBytes / shards) * size.shardsPerStream;
  const fullPerController = watchers / CONTROLLERS;
  return [
    row("Replicas on a broker, led by it", `${count(hosted)}, ${count(led)}`, "three copies, evenly"),
    row(
      "Heartbeats at the leading controller",
      `${count(beatsPerSecond)}/s, ${megabytes(beatsPerSecond * costs.heartbeatBytes)}/s`,
      `each names the ${count(led)} shards that its broker leads`,
    ),
    row("… CPU to read them", percent((beatsPerSecond * costs.heartbeatReadMs) / 10), "of one core"),
    row(
      "… CPU of a broker to write its own",
      percent(((1_000 / PACES.heartbeatEveryMs) * costs.heartbeatWriteMs) / 10),
      "of one core",
    ),
    row(
      "Controller, what grows with the shards",
      percent((shards / 1_000) * costs.controllerPercentPer1000Shards),
      "of one core: who leads what, heard from all brokers",
    ),
    row("Broker's passes over all shards", percent((shards / 1_000) * costs.brokerPercentPer1000Shards), "of one core"),
    row("All metadata", megabytes(costs.metadataBytes), "one message, to who knows nothing; the limit is 64 MiB"),
    row(
      "… to every watcher at once",
      seconds((fullPerController * costs.metadataWriteMs) / 1_000),
      `${count(watchers)} watchers at ${CONTROLLERS} controllers, which write it for each of them anew`,
    ),
    row(
      "… taken in by a broker or gateway",
      seconds(costs.metadataTakeMs / 1_000),
      "its event loop stands still so long",
    ),
    row(
      "One change",
      `${kilobytes(streamBytes)}, ${megabytes(streamBytes * watchers)} to all`,
      `a stream of ${count(size.shardsPerStream)} shards goes as a whole`,
    ),
    row("Links of a broker to its peers", count(inOtherZones), "every broker of another zone; one connection each"),
    row("Links in all", count((brokers * inOtherZones) / 2), ""),
    row(
      "… empty messages a broker sends when all is quiet",
      `${count(linkBeatsPerSecond)}/s`,
      `every ${PACES.linkBeatEveryMs} ms on each link, whatever the number of shards`,
    ),
    row("… CPU of them", percent((linkBeatsPerSecond * costs.linkBeatMs) / 10), "of one core, sent and received"),
    row(
      "A zone is lost: shards without a leader",
      `${count(lostLeaders)}, ${count(electionsEach)} a survivor`,
      "its processes' connections end; a silent death takes the election timeout of 1 s more",
    ),
    row(
      "… until the last of them is led",
      seconds(electionsEach / costs.electionsPerSecond),
      "all survivors elect at the same time",
    ),
    row(
      "… metadata that says so, to all",
      megabytes(lostBrokers * costs.brokersBytes * (watchers - lostBrokers)),
      `${count(lostBrokers)} brokers marked as down, after ${PACES.brokerDownAfterMs / 1_000} s`,
    ),
    row("… replicas made elsewhere", "none", "no zone is left that has none; writes go on with two of three copies"),
    row(
      "A broker is lost for good: its replicas move in",
      seconds(movesSeconds),
      `${PACES.movesAtATime} at a time, ${PACES.decisionsOfAMove} heartbeats each, beside the copying; after ${PACES.replaceBrokerAfterS} s`,
    ),
    row(
      "… metadata of those moves, to all",
      `${megabytes((hosted * PACES.decisionsOfAMove * streamBytes * watchers) / movesSeconds)}/s`,
      "the whole stream for each step of each replica",
    ),
  ];
}

/** As Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [["", "", "how"], ...rows.map(({ what, figure, how }) => [what, figure, how])];
  const widths = [0, 1, 2].map((column) => Math.max(3, ...cells.map((line) => (line[column] as string).length)));
  const line = (parts: readonly string[]): string =>
    `| ${parts.map((part, column) => part.padEnd(widths[column] as number)).join(" | ")} |`;
  const [head, ...body] = cells.map(line);
  return [head, line(widths.map((width) => "-".repeat(width))), ...body].join("\n");
}

const row = (what: string, figure: string, how: string): Row => ({ what, figure, how });
const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const percent = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} %`;
const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(0)} kB`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const seconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} s`;
