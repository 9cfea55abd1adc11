import { defined } from "@millrace/util";
import { Connection, type ConnectionEnd, type EndHandlers } from "./connection.ts";
import { Link, LOCAL_NETWORK, type LinkTimes } from "./link.ts";
import type { Machine, Process } from "./machine.ts";
import type { SeededRandom } from "./random.ts";
import { EventKind, type Scheduler } from "./scheduler.ts";

/** A process that takes connections at an address. It says what it does with one, and hears of the rest by the handlers. */
export type Accept = (end: ConnectionEnd) => EndHandlers;

interface Listener {
  readonly process: Process;
  readonly accept: Accept;
}

/** A connection attempt that nobody answers is repeated so often, each time after twice the wait. */
const SYN_RETRY_US = 1_000_000;
const SYN_RETRIES_MAX = 5;
const RETRANSMIT_MAX_US = 1_000_000;

/**
 * Reliable, ordered connections between processes, as TCP makes them: what is lost on the way comes later, never not at all, until
 * the connection ends. An end without power does not even refuse.
 */
export class Network {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly times: LinkTimes;
  readonly #machines = new Map<string, Machine>();
  readonly #listeners = new Map<string, Listener>();
  /** By sender, then by receiver. */
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #connections = new Map<Process, Set<ConnectionEnd>>();
  /** Ends that sent something to a machine without power. TCP goes on trying. */
  readonly #unanswered = new Map<Machine, Map<ConnectionEnd, () => void>>();
  /** Whom a process that is stopped has not got to yet, and how each may try again. */
  readonly #knocking = new Map<Process, Map<ConnectionEnd, () => void>>();
  #connectionCount = 0;

  constructor(scheduler: Scheduler, random: SeededRandom, times: LinkTimes = LOCAL_NETWORK) {
    this.scheduler = scheduler;
    this.random = random;
    this.times = times;
  }

  /** Its address is its name. */
  add(machine: Machine): void {
    this.#machines.set(machine.name, machine);
  }

  link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (links === undefined) this.#links.set(from, (links = new Map()));
    let link = links.get(to);
    if (link === undefined) links.set(to, (link = new Link()));
    return link;
  }

  heal(): void {
    for (const links of this.#links.values()) for (const link of links.values()) link.heal();
  }

  listen(process: Process, accept: Accept): void {
    // What a process still does in the turn in which it died has no effect.
    if (!process.isAlive) return;
    this.#listeners.set(process.machine.name, { process, accept });
  }

  /** `handlers.up` or `handlers.down` follows, later. */
  connect(process: Process, address: string, handlers: EndHandlers & { up(): void }): ConnectionEnd {
    const connection = new Connection(this, this.#connectionCount++);
    const end = connection.open(process, address, handlers);
    if (!process.isAlive) return end;
    this.#register(end);
    this.#knock(end, handlers, 0);
    return end;
  }

  /** Everything that one process has open, and what the other ends are told of its death. */
  died(process: Process): void {
    const listener = this.#listeners.get(process.machine.name);
    if (listener?.process === process) this.#listeners.delete(process.machine.name);
    const ends = this.#connections.get(process);
    this.#connections.delete(process);
    for (const end of ends ?? []) end.ownerDied(process.machine.isPowered);
    const knocking = this.#knocking.get(process);
    this.#knocking.delete(process);
    for (const [end, again] of knocking ?? []) {
      if (process.machine.isPowered) this.#refuse(end, "the other process died");
      else again();
    }
  }

  /** Both ends of every connection between two machines see a reset, each in its time. */
  reset(from: string, to: string): void {
    for (const [process, ends] of this.#connections) {
      if (process.machine.name !== from) continue;
      for (const end of ends) if (end.remoteAddress === to) end.reset("reset");
    }
  }

  forget(end: ConnectionEnd): void {
    this.#connections.get(end.process)?.delete(end);
  }

  *ends(): Generator<ConnectionEnd> {
    for (const ends of this.#connections.values()) yield* ends;
  }

  /** Until something sent now arrives, if nothing holds it up. */
  travelUs(from: string, to: string): number {
    const { latencyUs, jitterUs } = this.times;
    const link = this.link(from, to);
    let us = (latencyUs + this.random.between(0, jitterUs)) * link.slowness;
    while (link.lossChance > 0 && this.random.chance(link.lossChance)) us += 200_000;
    return us;
  }

  /** How long a message of this size keeps the wire busy. */
  wireUs(from: string, to: string, sizeBytes: number): number {
    return (sizeBytes / this.times.bytesPerUs) * this.link(from, to).slowness;
  }

  /** Calls `run`, of the last caller for each end, some time after the machine has power again. */
  whenPowered(machine: Machine, end: ConnectionEnd, run: () => void): void {
    const waiting = this.#unanswered.get(machine) ?? new Map<ConnectionEnd, () => void>();
    this.#unanswered.set(machine, waiting.set(end, run));
  }

  powered(machine: Machine): void {
    const waiting = this.#unanswered.get(machine);
    this.#unanswered.delete(machine);
    for (const run of waiting?.values() ?? []) {
      this.scheduler.schedule(this.random.between(0, RETRANSMIT_MAX_US), machine, EventKind.connection, run);
    }
  }

  #register(end: ConnectionEnd): void {
    const ends = this.#connections.get(end.process) ?? new Set();
    this.#connections.set(end.process, ends.add(end));
  }

  #knock(end: ConnectionEnd, handlers: { up(): void }, attempt: number): void {
    const { scheduler } = this;
    const from = end.process.machine.name;
    const to = end.remoteAddress;
    const machine = defined(this.#machines.get(to), `${to} is a machine`);
    scheduler.schedule(this.travelUs(from, to), machine, EventKind.connection, () => {
      if (!end.isOpen) return;
      const isReachable = machine.isPowered && !this.link(from, to).isBlocked && !this.link(to, from).isBlocked;
      if (!isReachable) {
        if (attempt < SYN_RETRIES_MAX) this.#knockAgain(end, handlers, attempt);
        else scheduler.schedule(SYN_RETRY_US, end.process, EventKind.connection, () => end.reset("no answer"));
        return;
      }
      const listener = this.#listeners.get(to);
      if (listener === undefined) {
        this.#refuse(end, "refused");
        return;
      }
      // The kernel takes the connection; the process says so when it gets to it.
      const knocking = this.#knocking.get(listener.process) ?? new Map<ConnectionEnd, () => void>();
      this.#knocking.set(
        listener.process,
        knocking.set(end, () => this.#knockAgain(end, handlers, attempt)),
      );
      scheduler.schedule(0, listener.process, EventKind.connection, () => this.#accept(end, handlers, listener));
    });
  }

  #refuse(end: ConnectionEnd, why: string): void {
    const backUs = this.travelUs(end.remoteAddress, end.process.machine.name);
    this.scheduler.schedule(backUs, end.process, EventKind.connection, () => end.reset(why));
  }

  #knockAgain(end: ConnectionEnd, handlers: { up(): void }, attempt: number): void {
    const waitUs = SYN_RETRY_US * 2 ** attempt;
    this.scheduler.schedule(waitUs, end.process.machine, EventKind.connection, () => {
      if (end.isOpen) this.#knock(end, handlers, attempt + 1);
    });
  }

  #accept(end: ConnectionEnd, handlers: { up(): void }, listener: Listener): void {
    this.#knocking.get(listener.process)?.delete(end);
    if (!end.isOpen) return;
    const other = end.connection.accept(listener.process, end);
    this.#register(other);
    other.setHandlers(listener.accept(other));
    const { name } = listener.process.machine;
    const delayUs = this.travelUs(name, end.process.machine.name);
    other.notBefore(this.scheduler.nowUs + Math.ceil(delayUs));
    this.scheduler.schedule(delayUs, end.process, EventKind.connection, () => {
      if (end.isOpen && end.establish()) handlers.up();
    });
  }
}
