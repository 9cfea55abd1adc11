import { defined } from "@millrace/util";
import { crc32c } from "@node-rs/crc32";
import type { Link } from "./link.ts";
import type { Process } from "./machine.ts";
import type { Network } from "./network.ts";
import { EventKind, type ScheduledEvent } from "./scheduler.ts";

/** What the owner of an end hears, never from within a call that it makes. */
export interface EndHandlers {
  message(bytes: Buffer): void;
  /** Once. Nothing follows. */
  down(why: string): void;
}

interface Packet {
  readonly bytes: Buffer;
  readonly dueUs: number;
}

/** What one send buffer and one receive window hold: more than that waits at the sender. */
const WINDOW_BYTES = 256 * 1_024;
/** After a blocked link opens, TCP's next try comes some time later. */
const RETRANSMIT_SPREAD_US = 200_000;

/** Two ends. */
export class Connection {
  readonly network: Network;
  readonly number: number;
  #first: ConnectionEnd | undefined;
  #second: ConnectionEnd | undefined;

  constructor(network: Network, number: number) {
    this.network = network;
    this.number = number;
  }

  open(process: Process, remoteAddress: string, handlers: EndHandlers): ConnectionEnd {
    this.#first = new ConnectionEnd(this, process, remoteAddress);
    this.#first.setHandlers(handlers);
    return this.#first;
  }

  accept(process: Process, from: ConnectionEnd): ConnectionEnd {
    this.#second = new ConnectionEnd(this, process, from.process.machine.name);
    this.#second.establish();
    return this.#second;
  }

  other(end: ConnectionEnd): ConnectionEnd | undefined {
    return end === this.#first ? this.#second : this.#first;
  }
}

/** One process's side of a connection. */
export class ConnectionEnd {
  readonly connection: Connection;
  readonly process: Process;
  readonly remoteAddress: string;
  #handlers: EndHandlers | undefined;
  /** False once it is closed or known to be broken here. */
  isOpen = true;
  #isEstablished = false;
  /** Its process died without power: it takes no part in anything any more, and says nothing of it. */
  #isGone = false;
  /** Sent from here, not there yet. */
  readonly #underway: Packet[] = [];
  #arrival: ScheduledEvent | undefined;
  #isStalled = false;
  /** When the wire is free again, and when the newest packet is there. */
  #sentUs = 0;
  #lastDueUs = 0;
  #underwayBytes = 0;
  #onDrain: (() => void)[] = [];
  #finalWord: string | undefined;

  constructor(connection: Connection, process: Process, remoteAddress: string) {
    this.connection = connection;
    this.process = process;
    this.remoteAddress = remoteAddress;
  }

  setHandlers(handlers: EndHandlers): void {
    this.#handlers = handlers;
  }

  /** False when it was already, or is over. */
  establish(): boolean {
    if (this.#isEstablished || !this.isOpen) return false;
    this.#isEstablished = true;
    return true;
  }

  /** Nothing from here is there earlier. */
  notBefore(dueUs: number): void {
    this.#lastDueUs = Math.max(this.#lastDueUs, dueUs);
  }

  get isUp(): boolean {
    return this.isOpen && this.#isEstablished;
  }

  get underwayBytes(): number {
    return this.#underwayBytes;
  }

  /** Takes the bytes over. `taken`: there is room for more. Nothing happens on a connection that is over. */
  send(bytes: Buffer, taken?: () => void): void {
    if (!this.isUp || !this.process.isAlive) return;
    const { network } = this.connection;
    this.#post(bytes);
    if (taken === undefined) return;
    if (this.#underwayBytes <= WINDOW_BYTES) network.scheduler.immediate(taken);
    else this.#onDrain.push(taken);
  }

  /** Ends it from here; what was sent still arrives. */
  close(): void {
    if (!this.isOpen) return;
    this.#end();
    this.#sayGoodbye("closed by the other side");
  }

  /** It broke: both ends hear of it, this one now. */
  reset(why: string): void {
    if (!this.isOpen) return;
    const { scheduler } = this.connection.network;
    this.#underway.length = 0;
    this.#end();
    this.#sayGoodbye(why);
    scheduler.schedule(0, this.process, EventKind.connection, () => this.#handlers?.down(why));
  }

  /** The process is gone. Its kernel, if that lives, ends the connection: at times with everything that was on its way. */
  ownerDied(isPowered: boolean): void {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.connection.other(this)?.receiverDied();
    if (!isPowered) {
      this.#isGone = true;
      this.#underway.length = 0;
      return;
    }
    if (this.connection.network.random.chance(0.5)) this.#underway.length = 0;
    if (wasOpen) this.#sayGoodbye("the other process died");
  }

  /** Whether a question to the other end would be answered now. */
  get isResponsive(): boolean {
    const { network } = this.connection;
    const other = this.connection.other(this);
    const here = this.process.machine.name;
    const isBlocked =
      network.link(here, this.remoteAddress).isBlocked || network.link(this.remoteAddress, here).isBlocked;
    return other !== undefined && other.isOpen && other.process.isAlive && !other.process.isPaused && !isBlocked;
  }

  tellDown(why: string): void {
    this.#handlers?.down(why);
  }

  take(bytes: Buffer): void {
    this.#handlers?.message(bytes);
  }

  #end(): void {
    this.isOpen = false;
    this.connection.network.forget(this);
    this.#onDrain = [];
  }

  #sayGoodbye(why: string): void {
    this.#finalWord = why;
    this.#post(Buffer.alloc(0));
  }

  #post(bytes: Buffer): void {
    const { network } = this.connection;
    const { scheduler } = network;
    const here = this.process.machine.name;
    this.#sentUs = Math.max(this.#sentUs, scheduler.nowUs) + network.wireUs(here, this.remoteAddress, bytes.length);
    const arrivesUs = this.#sentUs + network.travelUs(here, this.remoteAddress);
    const dueUs = Math.max(Math.ceil(arrivesUs), this.#lastDueUs);
    this.#lastDueUs = dueUs;
    this.#underway.push({ bytes, dueUs });
    this.#underwayBytes += bytes.length;
    if (this.#arrival === undefined && !this.#isStalled) this.#scheduleArrival();
  }

  /** What was to arrive in its time arrives at its machine. */
  receiverDied(): void {
    if (this.#arrival === undefined) return;
    this.connection.network.scheduler.cancel(this.#arrival);
    this.#arrival = undefined;
    const other = this.connection.other(this);
    if (other !== undefined) this.#scheduleArrival();
  }

  get #link(): Link {
    return this.connection.network.link(this.process.machine.name, this.remoteAddress);
  }

  /** The packet at the head of the line. Belongs to whoever receives it: that process may be stopped. */
  #scheduleArrival(extraUs = 0): void {
    const [head] = this.#underway;
    const { scheduler } = this.connection.network;
    const other = this.connection.other(this);
    if (head === undefined || other === undefined) return;
    const delayUs = Math.max(0, head.dueUs - scheduler.nowUs) + extraUs;
    const receiver = other.process.isAlive ? other.process : other.process.machine;
    this.#arrival = scheduler.schedule(delayUs, receiver, EventKind.deliver, () => {
      this.#arrival = undefined;
      this.#arrive(other);
    });
  }

  #arrive(other: ConnectionEnd): void {
    const { network } = this.connection;
    const link = this.#link;
    if (link.isBlocked) {
      this.#isStalled = true;
      link.waiting.add(() => {
        this.#isStalled = false;
        this.#scheduleArrival(network.random.between(0, RETRANSMIT_SPREAD_US));
      });
      return;
    }
    const packet = this.#underway.shift();
    if (packet === undefined) return;
    this.#underwayBytes -= packet.bytes.length;
    if (this.#underway.length > 0) this.#scheduleArrival();
    if (other.#isGone || !other.process.isAlive) {
      this.#deadLetter(other);
      return;
    }
    if (this.#onDrain.length > 0 && this.#underwayBytes <= WINDOW_BYTES / 2) this.#drained();
    if (packet.bytes.length === 0) {
      if (other.isOpen) {
        other.#end();
        other.tellDown(defined(this.#finalWord, "an empty packet is a goodbye"));
      }
      return;
    }
    if (!other.isOpen) return;
    network.scheduler.trace.mix(crc32c(packet.bytes));
    other.take(packet.bytes);
  }

  /** For a process that is not there any more: its machine says so, when it has power. */
  #deadLetter(other: ConnectionEnd): void {
    if (!this.isOpen) return;
    const { network } = this.connection;
    if (!other.process.machine.isPowered) {
      network.whenPowered(other.process.machine, this, () => this.#deadLetter(other));
      return;
    }
    const backUs = network.travelUs(this.remoteAddress, this.process.machine.name);
    network.scheduler.schedule(backUs, this.process, EventKind.connection, () => {
      if (!this.isOpen) return;
      this.#underway.length = 0;
      this.#end();
      this.#handlers?.down("nobody is there");
    });
  }

  #drained(): void {
    const listeners = this.#onDrain;
    this.#onDrain = [];
    const { network } = this.connection;
    const backUs = network.travelUs(this.remoteAddress, this.process.machine.name);
    network.scheduler.schedule(backUs, this.process, EventKind.deliver, () => {
      for (const listener of listeners) listener();
    });
  }
}
