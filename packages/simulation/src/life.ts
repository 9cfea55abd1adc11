import { HOUR_MS } from "@millrace/util";
import { checkObservation, checkStored, type FinalScan } from "./checks/check-records.ts";
import { type ConsumerCall, impossibleConsumers } from "./checks/consumer-model.ts";
import { Ledger } from "./checks/ledger.ts";
import { Observer } from "./checks/observer.ts";
import { Administrator } from "./clients/administrator.ts";
import { GroupChurn } from "./clients/group-churn.ts";
import { Operator } from "./clients/operator.ts";
import { Putter, type PutterOptions } from "./clients/putter.ts";
import { listShards, Reader, type ReadRecord, scanShard } from "./clients/reader.ts";
import { Registrar } from "./clients/registrar.ts";
import { Repeater } from "./clients/repeater.ts";
import { SdkError, SimulatedSdk } from "./clients/sdk.ts";
import { BrokerAdministration } from "./clients/broker-administration.ts";
import { Subscriber } from "./clients/subscriber.ts";
import { type ClusterOptions, SimulatedCluster } from "./cluster/cluster.ts";
import type { FailpointCounts } from "./faults/failpoints.ts";
import { drawMoreFaults, LifeFaults, type MoreFaults } from "./faults/life-faults.ts";
import type { Stage } from "./stage.ts";
import type { LogLevel } from "./world/logger.ts";
import type { Machine, Process } from "./world/machine.ts";
import { EventKind, Scheduler } from "./world/scheduler.ts";
import { SeededRandom } from "./world/random.ts";
import { sealed } from "./world/seal.ts";

export interface LifeSettings extends Partial<Pick<ClusterOptions, "brokersPerZone" | "replaceBrokerAfterS">> {
  readonly hourMs?: number;
  readonly checkpointEveryEntries?: number;
}

export interface LifeOptions {
  readonly seed: string;
  /** How long faults and load go on, in simulated time. */
  readonly durationMs: number;
  readonly log?: (timeMs: number, node: string, level: LogLevel | "fault", text: string) => void;
  readonly faults?: boolean;
  /** Whether processes die at named places of their code; drawn unless given. */
  readonly failpointCrashes?: boolean;
  /** Machines that hardly get on, in some lives; in none unless this says so. */
  readonly grayFaults?: boolean;
  /** A consumer group whose workers come and go, in some lives; in none unless this says so. */
  readonly consumerGroups?: boolean;
  /** Clients that rest longer between two requests, in some lives: hours of quiet logs, idle groups and rare puts. */
  readonly calmClients?: boolean;
  /** Those who reshard streams and add and take away brokers; true unless given. */
  readonly operators?: boolean;
  /** Without what lives have learned since: those of old seeds are as they were. */
  readonly isPlain?: boolean;
  /** Instead of what the seed draws. */
  readonly settings?: LifeSettings;
  /** Puts are sent again when all else is over; a script's are not unless this says so. */
  readonly repeatsAtEnd?: boolean;
  /** What happens, instead of faults that are drawn. When it is over the world heals, and everything is checked. */
  readonly script?: (stage: Stage) => Promise<void>;
  /** False: the life ends with its script, for what the script breaks is not to be healed. */
  readonly heals?: boolean;
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
  readonly failpoints: FailpointCounts;
  readonly rare: ReadonlyMap<string, number>;
  readonly exits: ReadonlyMap<string, number>;
  readonly failedAttempts: ReadonlyMap<string, number>;
  /** For other checkers of linearizability. */
  readonly consumerCalls: readonly ConsumerCall[];
}

const ZONES = ["a", "b", "c"];
const NO_MORE_FAULTS: MoreFaults = { rare: false, controllerDisks: false, failpoints: false, gray: false };
const MIN_RETENTION_HOURS = 24;
const START_UP_MAX_MS = 60_000;
/** After everything is healed each writer is acknowledged again within it. */
const HEALED_WITHIN_MS = 30_000;
const CHECKS_MAX_MS = 600_000;
const REPEATER_SHARE = 0.5;
const GROUP_SHARE = 0.5;
const CALM_SHARE = 0.6;
const CALM_MAX = 30;

/** What no life is long enough for comes early: segments are emptied, and the controllers' state takes their log's place. */
function drawRareWork(random: SeededRandom): Pick<ClusterOptions, "reclaim" | "controllerTuning"> {
  return {
    reclaim: { ageMs: random.magnitude(500, 20_000) },
    controllerTuning: {
      checkpointEveryEntries: random.magnitude(10, 500),
      logEntriesMax: random.magnitude(50, 4_000),
    },
  };
}

function drawPace(random: SeededRandom): number {
  return random.chance(CALM_SHARE) ? random.magnitude(2, CALM_MAX) : 1;
}

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
  /** How many times as long clients rest. */
  readonly #pace: number;
  readonly #director: Process;
  readonly #faults: LifeFaults;
  readonly #sdks: SimulatedSdk[] = [];
  readonly #putters: Putter[] = [];
  readonly #readers: (Reader | Subscriber)[] = [];
  readonly #registrars: Registrar[] = [];
  readonly #streams: string[] = [];
  #operator: Operator | undefined;
  #administrator: Administrator | undefined;
  #groupChurn: GroupChurn | undefined;
  #repeater: Repeater | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
    const { scheduler } = this;
    scheduler.onStandstill = ({ name }) => this.#observer.violation(`${name} repeats something without an end`);
    this.#random = new SeededRandom(options.seed);
    this.#observer = new Observer(scheduler);
    this.#ledger = new Ledger(this.#observer);
    const { settings = {} } = options;
    const hourMs = this.#random.chance(0.4) ? this.#random.magnitude(50, 2_000) : HOUR_MS;
    this.#hourMs = settings.hourMs ?? hourMs;
    this.#pace = options.calmClients === true ? drawPace(this.#random.fork("pace")) : 1;
    const brokersPerZone = this.#random.chance(0.4) ? 2 : 1;
    const replaceBrokerAfterS = this.#random.between(3, 20);
    const checkpointEveryEntries = this.#random.magnitude(5, 500);
    const drawn = drawMoreFaults(this.#random);
    const { failpointCrashes = drawn.failpoints, grayFaults = false } = options;
    const gray = grayFaults && drawn.gray;
    const more = this.#isPlain ? NO_MORE_FAULTS : { ...drawn, failpoints: failpointCrashes, gray };
    this.#cluster = new SimulatedCluster({
      scheduler,
      random: this.#random,
      log: (node, level, text) => options.log?.(scheduler.nowMs, node, level, text),
      observer: this.#observer,
      zones: ZONES,
      brokersPerZone: settings.brokersPerZone ?? brokersPerZone,
      gateways: 2,
      replaceBrokerAfterS: settings.replaceBrokerAfterS ?? replaceBrokerAfterS,
      catchUpBytesPerSecond: this.#random.fork("catch up").magnitude(100_000, 64_000_000),
      ...(more.failpoints ? drawRareWork(this.#random.fork("rare work")) : { reclaim: {}, controllerTuning: {} }),
      tuning: {
        checkpointEveryEntries: settings.checkpointEveryEntries ?? checkpointEveryEntries,
        hourMs: this.#hourMs,
        retentionEveryMs: 2_000,
      },
    });
    this.#director = this.#startClient("director");
    this.#faults = new LifeFaults({
      cluster: this.#cluster,
      random: this.#random,
      process: this.#director,
      more,
      hasRealHours: this.#hourMs === HOUR_MS,
      saw: (event) => this.#observer.saw(event),
      note: (text) => options.log?.(scheduler.nowMs, "world", "fault", text),
    });
  }

  get #isPlain(): boolean {
    return this.#options.isPlain === true || this.#options.script !== undefined;
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

  #sdk(name: string, gateway?: string): SimulatedSdk {
    const all = this.#cluster.of("gateway").map(({ machine }) => machine.name);
    const addresses = gateway === undefined ? all : [gateway];
    const process = this.#startClient(name);
    const sdk = new SimulatedSdk(
      this.#cluster.network,
      process,
      this.#random.fork(`sdk ${name}`),
      addresses,
      this.#pace,
    );
    this.#sdks.push(sdk);
    return sdk;
  }

  async #live(): Promise<void> {
    const { clock } = this.#director.world;
    this.#cluster.startAll();
    const operator = this.#sdk("operator");
    await this.#createStreams(operator);
    this.#startClients();
    if (this.#options.operators !== false) this.#startOperators();
    this.#startRegistrars();
    if (this.#options.consumerGroups === true) this.#startGroup();
    if (this.#options.script !== undefined) {
      await this.#options.script(this.#stage());
      if (this.#options.heals === false) return;
    } else {
      if (this.#options.faults !== false) this.#faults.run();
      await clock.sleep(this.#options.durationMs);
    }
    this.#faults.heal();
    for (const sdk of this.#sdks) sdk.hurry();
    if (this.#administrator !== undefined) {
      this.#administrator.isStopped = true;
      await this.#administrator.ended;
    }
    await this.#awaitHealing();
    if (this.#groupChurn !== undefined) {
      this.#groupChurn.isStopped = true;
      await this.#groupChurn.ended;
    }
    const clients = [...this.#putters, ...this.#readers, ...this.#registrars, ...this.#operators];
    for (const client of clients) client.isStopped = true;
    for (const { ended } of clients) await ended;
    if (this.#repeater !== undefined) {
      this.#repeater.isStopped = true;
      await this.#repeater.ended;
    }
    for (const stream of this.#streams) await this.#check(operator, stream);
    for (const consumer of impossibleConsumers(this.#consumerCalls)) {
      this.#observer.violation(`what clients were told of consumer ${consumer} cannot have happened in any order`);
    }
  }

  #stage(): Stage {
    const { clock } = this.#director.world;
    return {
      cluster: this.#cluster,
      clock,
      random: this.#random.fork("script"),
      streams: this.#streams,
      sdk: (name, gateway) => this.#sdk(name, gateway),
      addPutter: (name, gateway) => this.#addPutter(name, gateway),
      addReader: (name, gateway) => this.#addReader(name, gateway),
      repeatPuts: async (gateway) => this.#repeater?.repeatBy(this.#sdk(`repeater by ${gateway}`, gateway)),
      administration: () => {
        const process = this.#startClient("administration");
        const random = this.#random.fork("administration");
        return new BrokerAdministration({ cluster: this.#cluster, process, random });
      },
      acknowledged: () => this.#ledger.acknowledgedCount,
      elections: () => this.#observer.leadersOf("brokers"),
      progress: async (withinMs) => {
        const beginMs = clock.monotonicMs();
        const before = this.#putters.map(({ successCount }) => successCount);
        while (this.#putters.some(({ successCount }, at) => successCount === before[at])) {
          if (clock.monotonicMs() - beginMs > withinMs) throw new Error(`no progress within ${withinMs} ms`);
          await clock.sleep(10);
        }
        return clock.monotonicMs() - beginMs;
      },
    };
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
    this.#startRepeater();
    const putters = this.#random.between(1, 4);
    for (let number = 1; number <= putters; number++) this.#addPutter(`putter-${number}`);
    const readers = this.#random.between(1, 3);
    for (let number = 1; number <= readers; number++) this.#addReader(`reader-${number}`);
    const subscribers = this.#random.between(0, 2);
    for (let number = 1; number <= subscribers; number++) {
      const name = `subscriber-${number}`;
      const random = this.#random.fork(name);
      const nowMs = (): number => this.#director.world.clock.nowMs();
      this.#readers.push(new Subscriber({ name, sdk: this.#sdk(name), random, streams: this.#streams, nowUs, nowMs }));
    }
  }

  #addPutter(name: string, gateway?: string): void {
    const random = this.#random.fork(name);
    const sdk = this.#sdk(name, gateway);
    const nowUs = (): number => this.scheduler.nowUs;
    const wasSent: PutterOptions["wasSent"] = (request, records) => this.#repeater?.wasSent(request, records);
    this.#putters.push(new Putter({ name, sdk, random, ledger: this.#ledger, streams: this.#streams, nowUs, wasSent }));
  }

  #addReader(name: string, gateway?: string): void {
    const random = this.#random.fork(name);
    const nowUs = (): number => this.scheduler.nowUs;
    const nowMs = (): number => this.#director.world.clock.nowMs();
    const sdk = this.#sdk(name, gateway);
    this.#readers.push(new Reader({ name, sdk, random, streams: this.#streams, nowUs, nowMs }));
  }

  /** In some lives only, and not where a record expires sooner than its repetition is due. */
  #startRepeater(): void {
    const random = this.#random.fork("repeater");
    const isDrawn = !this.#isPlain && this.#hourMs === HOUR_MS && random.chance(REPEATER_SHARE);
    const isAtEnd = this.#options.repeatsAtEnd === true;
    if (!isDrawn && !isAtEnd) return;
    const violation = (text: string): void => this.#observer.violation(text);
    this.#repeater = new Repeater({ sdk: this.#sdk("repeater"), random, violation, isAtEnd });
  }

  #startRegistrars(): void {
    const { scheduler } = this;
    const random = this.#random.fork("registrars");
    for (let number = random.between(0, 4); number > 0; number--) {
      const name = `registrar-${number}`;
      const own = { name, sdk: this.#sdk(name), random: random.fork(name), nowUs: () => scheduler.nowUs };
      this.#registrars.push(new Registrar({ ...own, streams: this.#streams }));
    }
  }

  #startGroup(): void {
    const random = this.#random.fork("group");
    if (!random.chance(GROUP_SHARE)) return;
    this.#groupChurn = new GroupChurn({
      cluster: this.#cluster,
      stream: random.pick(this.#streams),
      random,
      clock: this.#director.world.clock,
      startProcess: (name) => this.#startClient(name),
      violation: (text) => this.#observer.violation(text),
    });
  }

  /** Some lives have none, so that long quiet logs are seen too. */
  #startOperators(): void {
    const random = this.#random.fork("operator");
    if (random.chance(0.7)) {
      this.#operator = new Operator({ sdk: this.#sdk("operator-2"), random, streams: this.#streams });
    }
    const ofBrokers = this.#random.fork("administrator");
    if (ofBrokers.chance(0.3)) {
      const process = this.#startClient("administrator");
      this.#administrator = new Administrator({ cluster: this.#cluster, process, random: ofBrokers });
    }
  }

  get #operators(): (Operator | Administrator)[] {
    return [this.#operator, this.#administrator].filter((each) => each !== undefined);
  }

  get #churns(): GroupChurn[] {
    return this.#groupChurn === undefined ? [] : [this.#groupChurn];
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
    // A broker may have to be taken for lost first, and its logs be copied: slower than they grow, in some lives, while anybody writes.
    for (const putter of this.#putters) putter.isStopped = true;
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
    // What expires meanwhile the group need not be given.
    if (expiryUs === undefined && this.#groupChurn?.stream === stream) await this.#groupChurn.check(shards, records);
    for (const { observations } of this.#readers) {
      for (const seen of observations) {
        if (seen.stream === stream) checkObservation(seen, scan, this.#ledger, violation);
      }
    }
  }

  get #consumerCalls(): ConsumerCall[] {
    return this.#registrars.flatMap(({ calls }) => calls);
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
      operations: new Map([...this.#operators, ...this.#churns].flatMap(({ counts }) => [...counts])),
      faults: this.#faults.counts,
      failpoints: this.#faults.failpointCounts,
      rare: this.#observer.rare,
      exits: this.#cluster.exits,
      failedAttempts,
      consumerCalls: this.#consumerCalls,
    };
  }
}
