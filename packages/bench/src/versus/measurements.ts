import type { Lane, RunningContender } from "../peers/contender.ts";
import { totalUsage } from "../process-usage.ts";
import type { PacedAnswer, ThroughputAnswer } from "../load/load.ts";
import type { GapsAnswer } from "../load/gaps.ts";
import type { Samples } from "./samples.ts";

export interface Measurement {
  readonly samples: Samples;
  /** Of each measurement, and of the warming up before it: the load program's own code is new each time. */
  readonly seconds: number;
  readonly warmUp: number;
}

const PARTITIONS = 4;
const SETTLE_MS = 3_000;
/** Kafka's brokers are missed after nine seconds. */
const WATCHED_AFTER_DEATH_MS = 15_000;
const LONE_RECORD_BYTES = 1_024;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function idle(running: RunningContender, who: string, { samples, seconds }: Measurement): Promise<void> {
  await pause(SETTLE_MS);
  const before = totalUsage(running.pids());
  await pause(seconds * 1_000);
  const after = totalUsage(running.pids());
  samples.add("Idle: CPU of all servers", who, ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100, "% of a core");
  samples.add("Idle: memory of all servers", who, after.rssMb, "MB");
}

export async function throughput(
  running: RunningContender,
  lane: Lane,
  recordBytes: number,
  { samples, seconds, warmUp }: Measurement,
): Promise<void> {
  const topic = topicOf(`${lane.name}-${recordBytes}`);
  const parameters = { topic, partitions: PARTITIONS, recordBytes, warmUp, seconds, ...lane.parameters };
  const before = totalUsage(running.pids());
  const answer = await running.load.run<ThroughputAnswer>("throughput", parameters);
  const after = totalUsage(running.pids());
  if (answer.failed > 0) console.error(`${lane.name}: ${answer.failed} records failed`);
  const perSecond = answer.records / answer.seconds;
  const megabytesPerSecond = (perSecond * recordBytes) / 1e6;
  // The servers also worked while it warmed up, about as fast.
  const gigabytes = (megabytesPerSecond * (answer.seconds + warmUp)) / 1_000;
  const title = `${recordBytes} B records, ${PARTITIONS} shards`;
  samples.add(`${title}: throughput`, lane.name, megabytesPerSecond, "MB/s");
  samples.add(`${title}: records`, lane.name, perSecond, "1/s");
  samples.add(`${title}: CPU of all servers`, lane.name, (after.cpuSeconds - before.cpuSeconds) / gigabytes, "s/GB");
  samples.add(`${title}: memory of all servers`, lane.name, after.rssMb, "MB");
}

/** Lone records, one in flight. */
export async function latency(
  running: RunningContender,
  lane: Lane,
  perSecond: number,
  { samples, seconds, warmUp }: Measurement,
): Promise<void> {
  const topic = topicOf(`${lane.name}-paced`);
  const load = { topic, partitions: PARTITIONS, recordBytes: LONE_RECORD_BYTES, perSecond, warmUp, seconds };
  const { microseconds } = await running.load.run<PacedAnswer>("paced", { ...load, ...lane.parameters });
  const sorted = microseconds.toSorted((one, other) => one - other);
  const title = `Lone records of 1 KB, ${perSecond}/s`;
  for (const percent of [50, 99]) {
    const value = sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
    samples.add(`${title}: p${percent}`, lane.name, value / 1_000, "ms");
  }
}

/** SIGKILL of the leader, then of a follower, under a writer who waits for each record: the longest it has to wait. */
export async function deaths(
  running: RunningContender,
  lane: Lane,
  { samples }: Pick<Measurement, "samples">,
): Promise<void> {
  const topic = topicOf(`${lane.name}-deaths`);
  const parameters = { topic, partitions: 1, recordBytes: LONE_RECORD_BYTES, ...lane.parameters };
  await running.load.run("paced", { ...parameters, perSecond: 100, warmUp: 0, seconds: 1 });
  for (const role of ["leader", "follower"] as const) {
    const { leader, others } = await running.replicas(topic);
    const victim = role === "leader" ? leader : (others[0] as string);
    const load = running.load.begin("gaps", parameters);
    await load.firstLine();
    await pause(SETTLE_MS);
    running.kill(victim);
    await pause(WATCHED_AFTER_DEATH_MS);
    const { worstMs } = await load.end<GapsAnswer>();
    samples.add(`SIGKILL of a ${role}: the writer stands still for`, lane.name, Math.max(...worstMs), "ms");
    await running.recovered(victim, topic);
  }
}

/** A name that each of them takes. */
function topicOf(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9]+/g, "-");
}
