import { MemoryDisk, MemoryIndexes } from "@millrace/storage";
import { assert, type FailpointName, type Logger, type World } from "@millrace/util";
import { type ClockSettings, SimulatedClock } from "./clock.ts";
import { DISK_CAPACITY_BYTES, type DiskBehaviour, type DiskHooks, HEALTHY_DISK, simulatedDisk } from "./disk.ts";
import { SimulatedLogger, type LogSink } from "./logger.ts";
import type { SeededRandom } from "./random.ts";
import { EventKind, type Owner, type ScheduledEvent, type Scheduler } from "./scheduler.ts";

export type Death = "killed" | "powerLost" | "exited";

export interface DiskObserver {
  written(machine: Machine, path: string, chunks: readonly Uint8Array[]): void;
  /** Everything written to the file is on the device. */
  synced(machine: Machine, path: string): void;
  diskReplaced(machine: Machine): void;
}

export interface MachineOptions {
  readonly name: string;
  readonly az: string;
  readonly number: number;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly log: LogSink;
  /** Hears of every write and sync. */
  readonly observer: DiskObserver;
  /** When its process has died, before anything else happens. */
  readonly onDeath: (machine: Machine, process: Process, death: Death) => void;
}

/** One run of a program on a machine. */
export class Process implements Owner {
  readonly name: string;
  readonly number: number;
  readonly machine: Machine;
  readonly world: World;
  readonly logger: Logger;
  readonly held: ScheduledEvent[] = [];
  isAlive = true;
  isPaused = false;
  turnUs: number;
  turnEnd: ScheduledEvent | undefined;
  /** Its death, by its own will: what `onFatal` leads to. */
  exitReason: string | undefined;

  constructor(machine: Machine, hooks: DiskHooks, log: LogSink) {
    const { name, number, scheduler, random, memory } = machine;
    this.name = name;
    this.number = number;
    this.machine = machine;
    this.turnUs = machine.processTurnUs;
    const own = random.fork(`process ${machine.bootCount}`);
    this.logger = new SimulatedLogger(name, log) as unknown as Logger;
    this.world = {
      failpoint: (name) => {
        if (this.isAlive) machine.onFailpoint(name);
      },
      clock: new SimulatedClock(scheduler, this, machine.clock),
      random: own.fork("world"),
      disk: simulatedDisk({
        scheduler,
        owner: this,
        random: own.fork("disk"),
        memory,
        behaviour: machine.diskBehaviour,
        hooks,
        written: (path, chunks) => machine.observer.written(machine, path, chunks),
        synced: (path) => machine.observer.synced(machine, path),
      }),
    };
  }
}

const JOURNAL_DIRECTORY = "/data/journal/";
const GROUP_MAGIC = "MRWG";
/** Of its header, behind the magic, up to its checksum. */
const HEADER_BEGIN_BYTES = 4;
const HEADER_END_BYTES = 40;

/** A computer: a disk that outlives its processes, clocks, and at most one process. */
export class Machine implements Owner {
  readonly name: string;
  readonly az: string;
  readonly number: number;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly clock: ClockSettings = { offsetMs: 0, driftPpm: 0 };
  readonly diskBehaviour: DiskBehaviour = { ...HEALTHY_DISK };
  readonly diskHooks: DiskHooks = { before: () => undefined, after: () => undefined };
  /** Its process passes a place where it may be made to die. */
  onFailpoint: (name: FailpointName) => void = () => undefined;
  processTurnUs = 0;
  /** Events of the machine itself: its kernel's. */
  readonly isAlive = true;
  readonly isPaused = false;
  readonly turnUs = 0;
  readonly turnEnd = undefined;
  readonly held: ScheduledEvent[] = [];
  readonly #log: LogSink;
  readonly #onDeath: MachineOptions["onDeath"];
  readonly observer: DiskObserver;
  memory = new MemoryDisk({ capacityBytes: DISK_CAPACITY_BYTES });
  indexes = new MemoryIndexes();
  /** A machine without power answers nothing, not even with a refusal. */
  isPowered = true;
  bootCount = 0;
  /** Once in a life: a broker gives up a disk that goes bad again and again. */
  #hasRottenHeader = false;
  process: Process | undefined;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.az = options.az;
    this.number = options.number;
    this.scheduler = options.scheduler;
    this.random = options.random;
    this.#log = options.log;
    this.#onDeath = options.onDeath;
    this.observer = options.observer;
  }

  /** Starts a process; `main` runs as its first event. */
  start(main: (process: Process) => void, delayUs = 0): Process {
    assert(this.process === undefined, "one process a machine");
    this.isPowered = true;
    this.bootCount++;
    const process = new Process(this, this.diskHooks, this.#log);
    this.process = process;
    this.scheduler.schedule(delayUs, process, EventKind.boot, () => main(process));
    return process;
  }

  /** SIGKILL, or the process ends itself: what it wrote is in the page cache, and stays. */
  kill(death: "killed" | "exited" = "killed"): void {
    this.#end(death);
    this.memory.crash({ unsyncedWrites: "kept", random: this.random });
    this.indexes.crash(0);
  }

  /** The page cache goes, and with it what was not synced. */
  losePower(unsyncedWrites: "lost" | "torn"): void {
    this.#end("powerLost");
    this.isPowered = false;
    this.memory.crash({ unsyncedWrites, random: this.random });
    this.indexes.crash(this.random.between(0, 8));
  }

  pause(): void {
    if (this.process !== undefined) this.process.isPaused = true;
  }

  resume(): void {
    const { process } = this;
    if (process === undefined || !process.isPaused) return;
    process.isPaused = false;
    this.scheduler.release(process);
  }

  /** Somebody else uses the processor: its process takes so long for each event. 0: nobody does. */
  setTurn(turnUs: number): void {
    this.processTurnUs = turnUs;
    const { process } = this;
    if (process === undefined) return;
    process.turnUs = turnUs;
    if (turnUs === 0) this.scheduler.release(process);
  }

  /** Somebody else uses the disk up to the last bytes. @returns what gives them back */
  fillDisk(leftBytes: number): () => void {
    const { memory } = this;
    memory.setCapacity(memory.usedBytes() + leftBytes);
    return () => memory.setCapacity(DISK_CAPACITY_BYTES);
  }

  /**
   * A few bits of the journal turn. Not in its last two write groups: what rots there before anything follows it cannot be told from
   * what was never written. @returns how many
   */
  rot(): number {
    const files = this.memory.paths().filter((path) => path.startsWith(JOURNAL_DIRECTORY));
    if (files.length === 0) return 0;
    const path = this.random.pick(files);
    const bytes = this.memory.contents(path);
    const last = bytes.lastIndexOf(GROUP_MAGIC);
    const end = last <= 0 ? -1 : bytes.lastIndexOf(GROUP_MAGIC, last - 1);
    if (end <= 0) return 0;
    const count = this.random.magnitude(1, 20);
    for (let left = count; left > 0; left--) {
      this.memory.flipBit(path, this.random.between(0, end - 1), this.random.between(0, 7));
    }
    return count;
  }

  /**
   * One bit of a write group's header turns: of any that is not among the newest file's last two, or this byte of the file's first,
   * which is looked at whenever the file is opened.
   */
  rotHeader(byteOfFirst?: number): boolean {
    const files = this.memory.paths().filter((path) => path.startsWith(JOURNAL_DIRECTORY));
    const path = files.toSorted().at(-1);
    if (path === undefined || this.#hasRottenHeader) return false;
    const bytes = this.memory.contents(path);
    const begins: number[] = [];
    for (let at = bytes.indexOf(GROUP_MAGIC); at !== -1; at = bytes.indexOf(GROUP_MAGIC, at + 1)) begins.push(at);
    const [first, ...others] = begins.slice(0, -2);
    if (first === undefined) return false;
    const isAny = byteOfFirst === undefined && others.length > 0 && this.random.chance(0.5);
    const begin = isAny ? this.random.pick(others) : first;
    const byte = byteOfFirst ?? this.random.between(HEADER_BEGIN_BYTES, HEADER_END_BYTES - 1);
    this.memory.flipBit(path, begin + byte, this.random.between(0, 7));
    this.#hasRottenHeader = true;
    return true;
  }

  /** A human being has looked at the disk and lets its node begin anew, however often it did before. */
  excuseDisk(): void {
    assert(this.process === undefined, "a disk is seen to while nobody uses it");
    this.memory.removeAll("/data/set-aside-");
  }

  /** Another, empty disk. The process must be dead. */
  replaceDisk(): void {
    assert(this.process === undefined, "a disk is changed while nobody uses it");
    this.memory = new MemoryDisk({ capacityBytes: DISK_CAPACITY_BYTES });
    this.indexes = new MemoryIndexes();
    this.observer.diskReplaced(this);
  }

  #end(death: Death): void {
    const { process } = this;
    if (process === undefined) return;
    process.isAlive = false;
    process.held.length = 0;
    this.process = undefined;
    this.#onDeath(this, process, death);
  }
}
