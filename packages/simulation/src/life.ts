import { HOUR_MS } from "@millrace/util";
import { checkObservation, checkStored, type FinalScan } from "./checks/check-records.ts";
import { Ledger } from "./checks/ledger.ts";
import { Observer } from "./checks/observer.ts";
import { Operator } from "./clients/operator.ts";
import { Putter } from "./clients/putter.ts";
import { listShards, Reader, type ReadRecord, scanShard } from "./clients/reader.ts";
import { SdkError, SimulatedSdk } from "./clients/sdk.ts";
import { Subscriber } from "./clients/subscriber.ts";
import { SimulatedCluster } from "./cluster/cluster.ts";
import { FaultDirector } from "./faults/director.ts";
import type { LogLevel } from "./world/logger.ts";
import type { Machine, Process } from "./world/machine.ts";
import { EventKind, Scheduler } from "./world/scheduler.ts";
import { SeededRandom } from "./world/random.ts";
import { sealed } from "./world/seal.ts";

export interface LifeOptions {
  readonly seed: string;
  /** How long faults and load go on, in simulated time. */
  readonly durationMs: number;
  readonly log?: (timeMs: number, node: string, level: LogLevel | "fault", text: string) => void;
  readonly faults?: boolean;
  /** Ends with the first broken promise: a world that broke one may take long to come to its end. */
  readonly endsAtViolation?: boolean;
}

export interface LifeResult {
  readonly seed: string;
  readonly violations: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly traceHash: string;
  readonly acknowledged: number;
  readonly put: number;
  readonly observations: number;
  readonly recordsRead: number;
  readonly operations: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly rare: ReadonlyMap<string, number>;
  readonly exits: ReadonlyMap<string, number>;
  readonly failedAttempts: ReadonlyMap<string, number>;
}

const ZONES = ["a", "b", "c"];
const MIN_RETENTION_HOURS = 24;
const START_UP_MAX_MS = 60_000;
/** After everything is healed each writer is acknowledged again within it. */
const HEALED_WITHIN_MS = 30_000;
const CHECKS_MAX_MS = 600_000;

/** One cluster from its first start to its last check: the same for the same options, to the last bit. */
export function runLife(options: LifeOptions): LifeResult {
  const life = new Life(options);
  return sealed(life.scheduler, () => life.run());
}

class Life {
  readonly #options: LifeOptions;
  readonly scheduler = new Scheduler();
  readonly #random: SeededRandom;
  readonly #observer: Observer;
  readonly #ledger: Ledger;
  readonly #cluster: SimulatedCluster;
  /** Of retention. With short ones records expire in this life. */
  readonly #hourMs: number;
  readonly #director: Process;
  readonly #faults: FaultDirector;
  readonly #sdks: SimulatedSdk[] = [];
  readonly #putters: Putter[] = [];
  readonly #readers: (Reader | Subscriber)[] = [];
  readonly #streams: string[] = [];
  #operator: Operator | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
    const { scheduler } = this;
    this.#random = new SeededRandom(options.seed);
    this.#observer = new Observer(scheduler);
    this.#ledger = new Ledger(this.#observer);
    this.#hourMs = this.#random.chance(0.4) ? this.#random.magnitude(50, 2_000) : HOUR_MS;
    this.#cluster = new SimulatedCluster({
      scheduler,
      random: this.#random,
      log: (node, level, text) => options.log?.(scheduler.nowMs, node, level, text),
      observer: this.#observer,
      zones: ZONES,
      brokersPerZone: this.#random.chance(0.4) ? 2 : 1,
      gateways: 2,
      replaceBrokerAfterS: this.#random.between(3, 20),
      tuning: {
        checkpointEveryEntries: this.#random.magnitude(5, 500),
        hourMs: this.#hourMs,
        retentionEveryMs: 2_000,
      },
    });
    this.#director = this.#startClient("director");
    this.#faults = new FaultDirector({
      cluster: this.#cluster,
      random: this.#random.fork("faults"),
      process: this.#director,
      // With short hours a clock that is set forward would be a day's retention: rightly so, and nothing would be left to check.
      excluded: this.#hourMs === HOUR_MS ? [] : ["wall clock stepped"],
      saw: (event) => this.#observer.saw(event),
      note: (text) => options.log?.(scheduler.nowMs, "world", "fault", text),
    });
  }

  run(): LifeResult {
    const { scheduler } = this;
    let isOver = false;
    let failure: unknown;
    scheduler.schedule(0, this.#director, EventKind.client, () => {
      this.#live().then(
        () => (isOver = true),
        (error: unknown) => {
          failure = error;
          isOver = true;
        },
      );
    });
    const maxMs = START_UP_MAX_MS + this.#options.durationMs + HEALED_WITHIN_MS + CHECKS_MAX_MS;
    const { violations } = this.#observer;
    const isDone = (): boolean => isOver || (this.#options.endsAtViolation === true && violations.length > 0);
    if (!scheduler.runUntil(maxMs * 1_000, isDone)) this.#observer.violation("the life does not come to its end");
    if (failure !== undefined) this.#observer.violation(`the life failed: ${(failure as Error).stack}`);
    return this.#result();
  }

  #startClient(name: string): Process {
    const machine: Machine = this.#cluster.addClientMachine(name);
    return machine.start(() => undefined);
  }

  #sdk(name: string): SimulatedSdk {
    const addresses = this.#cluster.of("gateway").map(({ machine }) => machine.name);
    const process = this.#startClient(name);
    const sdk = new SimulatedSdk(this.#cluster.network, process, this.#random.fork(`sdk ${name}`), addresses);
    this.#sdks.push(sdk);
    return sdk;
  }

  async #live(): Promise<void> {
    const { clock } = this.#director.world;
    this.#cluster.startAll();
    const operator = this.#sdk("operator");
    await this.#createStreams(operator);
    this.#startClients();
    this.#startOperator();
    if (this.#options.faults !== false) void this.#faults.run();
    await clock.sleep(this.#options.durationMs);
    this.#faults.heal();
    await this.#awaitHealing();
    const clients = [...this.#putters, ...this.#readers, ...(this.#operator === undefined ? [] : [this.#operator])];
    for (const client of clients) client.isStopped = true;
    for (const { ended } of clients) await ended;
    for (const stream of this.#streams) await this.#check(operator, stream);
  }

  async #createStreams(operator: SimulatedSdk): Promise<void> {
    const { clock } = this.#director.world;
    const count = this.#random.between(1, 3);
    for (let number = 1; number <= count; number++) {
      const stream = `stream-${number}`;
      const input = { StreamName: stream, ShardCount: this.#random.between(1, 4) };
      await this.#insist(() => operator.call("CreateStream", input), ["ResourceInUseException"]);
      this.#streams.push(stream);
      for (;;) {
        const described = await this.#insist(() =>
          operator.call<{ StreamDescriptionSummary: { StreamStatus: string } }>("DescribeStreamSummary", {
            StreamName: stream,
          }),
        );
        if (described?.StreamDescriptionSummary.StreamStatus === "ACTIVE") break;
        await clock.sleep(50);
      }
    }
  }

  /** Again and again until it works, or fails in a way that means that it has worked. */
  async #insist<T>(action: () => Promise<T>, isFine: readonly string[] = []): Promise<T | undefined> {
    const { clock } = this.#director.world;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
        if (isFine.includes(error.name)) return undefined;
        this.#options.log?.(this.scheduler.nowMs, "world", "info", `${error.name}: ${error.message}`);
        await clock.sleep(200);
      }
    }
  }

  #startClients(): void {
    const nowUs = (): number => this.scheduler.nowUs;
    const putters = this.#random.between(1, 4);
    for (let number = 1; number <= putters; number++) {
      const name = `putter-${number}`;
      const random = this.#random.fork(name);
      this.#putters.push(
        new Putter({ name, sdk: this.#sdk(name), random, ledger: this.#ledger, streams: this.#streams, nowUs }),
      );
    }
    const readers = this.#random.between(1, 3);
    for (let number = 1; number <= readers; number++) {
      const name = `reader-${number}`;
      const random = this.#random.fork(name);
      const nowMs = (): number => this.#director.world.clock.nowMs();
      this.#readers.push(new Reader({ name, sdk: this.#sdk(name), random, streams: this.#streams, nowUs, nowMs }));
    }
    const subscribers = this.#random.between(0, 2);
    for (let number = 1; number <= subscribers; number++) {
      const name = `subscriber-${number}`;
      const random = this.#random.fork(name);
      const nowMs = (): number => this.#director.world.clock.nowMs();
      this.#readers.push(new Subscriber({ name, sdk: this.#sdk(name), random, streams: this.#streams, nowUs, nowMs }));
    }
  }

  #startOperator(): void {
    const random = this.#random.fork("operator");
    // Some lives have none, so that long quiet logs are seen too.
    if (random.chance(0.3)) return;
    this.#operator = new Operator({ sdk: this.#sdk("operator-2"), random, streams: this.#streams });
  }

  /** Liveness: the world is well, so everybody must get on. */
  async #awaitHealing(): Promise<void> {
    const { clock } = this.#director.world;
    const before = this.#putters.map(({ successCount }) => successCount);
    const deadlineMs = clock.monotonicMs() + HEALED_WITHIN_MS;
    const isHealed = (): boolean =>
      this.#putters.every(({ successCount }, at) => successCount > (before[at] as number));
    while (!isHealed() && clock.monotonicMs() < deadlineMs) await clock.sleep(100);
    // Operations go on and change the metadata, so it need be the same everywhere only for a moment.
    while (!this.#cluster.isConverged && clock.monotonicMs() < deadlineMs) await clock.sleep(10);
    if (!this.#cluster.isConverged) {
      this.#observer.violation(`not everybody knows the metadata ${HEALED_WITHIN_MS} ms after healing`);
    }
    // A broker may have to be taken for lost first, and its logs be copied.
    const fullBeforeMs = deadlineMs + HEALED_WITHIN_MS;
    while (!this.#cluster.isFullyReplicated && clock.monotonicMs() < fullBeforeMs) await clock.sleep(100);
    if (!this.#cluster.isFullyReplicated) {
      this.#observer.violation(`not every shard has all its replicas ${2 * HEALED_WITHIN_MS} ms after healing`);
    }
    if (!isHealed())
      this.#observer.violation(`not every writer was acknowledged within ${HEALED_WITHIN_MS} ms of healing`);
    if (this.#observer.violations.length > 0) this.#noteShards();
  }

  #noteShards(): void {
    const nowMs = this.scheduler.nowMs;
    for (const { node, text } of this.#cluster.describeShards()) this.#options.log?.(nowMs, node, "info", text);
  }

  async #check(operator: SimulatedSdk, stream: string): Promise<void> {
    const violation = (text: string): void => this.#observer.violation(text);
    const records = new Map<string, readonly ReadRecord[]>();
    const shards = (await this.#insist(() => listShards(operator, stream))) ?? [];
    for (const { ShardId, SequenceNumberRange } of shards) {
      const shard = await this.#insist(() => scanShard(operator, stream, ShardId));
      records.set(ShardId, shard?.records ?? []);
      const isClosed = SequenceNumberRange.EndingSequenceNumber !== undefined;
      if (isClosed && shard?.isAtEnd === false) violation(`${stream} ${ShardId} is closed, and has no end`);
    }
    const retentionUs = MIN_RETENTION_HOURS * this.#hourMs * 1_000;
    const expiryUs = this.#hourMs === HOUR_MS ? undefined : this.scheduler.nowUs - retentionUs;
    const scan: FinalScan = { stream, shards, records, expiryUs };
    checkStored(scan, this.#ledger, violation);
    for (const { observations } of this.#readers) {
      for (const seen of observations) {
        if (seen.stream === stream) checkObservation(seen, scan, this.#ledger, violation);
      }
    }
  }

  #result(): LifeResult {
    const { seed } = this.#options;
    const observations = this.#readers.flatMap((reader) => reader.observations);
    const failedAttempts = new Map<string, number>();
    for (const sdk of this.#sdks) {
      for (const [name, count] of sdk.failedAttempts) failedAttempts.set(name, (failedAttempts.get(name) ?? 0) + count);
    }
    return {
      seed,
      violations: this.#observer.violations,
      simulatedMs: this.scheduler.nowMs,
      events: this.scheduler.trace.count,
      traceHash: this.scheduler.trace.toString(),
      acknowledged: this.#ledger.acknowledgedCount,
      put: this.#ledger.records.length,
      observations: observations.length,
      recordsRead: observations.reduce((sum, { records }) => sum + records.length, 0),
      operations: this.#operator?.counts ?? new Map<string, number>(),
      faults: this.#faults.counts,
      rare: this.#observer.rare,
      exits: this.#cluster.exits,
      failedAttempts,
    };
  }
}
