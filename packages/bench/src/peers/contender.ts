import type { LoadProgram } from "./load-program.ts";

/** One way to write to a contender: a setting of its producer or its topic. */
export interface Lane {
  readonly name: string;
  /** Acknowledged means on the disks of a quorum. */
  readonly isSynced: boolean;
  /** For the load program. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A replicated log of three nodes that the bench can start. */
export interface Contender {
  readonly name: string;
  /** Of throughput. */
  readonly lanes: readonly Lane[];
  /** Of lone records: one for each that is acknowledged differently. */
  readonly lonely: readonly Lane[];
  /** Builds what there is to build, before any clock runs. @throws Missing */
  prepare(): void;
  start(): Promise<RunningContender>;
}

export interface RunningContender {
  /** From the start of its processes to the first acknowledged record. */
  readonly startUpSeconds: number;
  readonly load: LoadProgram;
  pids(): readonly number[];
  /** Where the first partition of a topic is; `others` are its followers. */
  replicas(topic: string): Promise<Replicas>;
  /** SIGKILL. */
  kill(node: string): void;
  /** Resolves when the killed node is back and has caught up with the topic. */
  recovered(node: string, topic: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Replicas {
  readonly leader: string;
  readonly others: readonly string[];
}
