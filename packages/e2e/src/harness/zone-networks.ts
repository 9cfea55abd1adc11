import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const ZONES = ["az-a", "az-b", "az-c"] as const;
export type Zone = (typeof ZONES)[number];

function run(program: string, ...parameters: string[]): void {
  execFileSync(program, parameters, { stdio: ["ignore", "ignore", "pipe"] });
}

/**
 * A network namespace for each zone on a bridge of their own, where the machine allows it: root on Linux. What a partition drops is
 * dropped without a word, as a broken switch does.
 */
export class ZoneNetworks {
  readonly #prefix = `mr${randomInt(36 ** 4, 36 ** 5).toString(36)}`;
  readonly #subnet = `10.${randomInt(64, 250)}.${randomInt(0, 250)}`;
  /** Delay and loss need a module that not every kernel has. */
  hasNetem = false;

  /** Undefined: this machine does not allow it. */
  static create(): ZoneNetworks | undefined {
    const networks = new ZoneNetworks();
    try {
      networks.#build();
      return networks;
    } catch {
      networks.destroy();
      return undefined;
    }
  }

  #build(): void {
    const bridge = this.#prefix;
    run("ip", "link", "add", bridge, "type", "bridge");
    run("ip", "address", "add", `${this.#subnet}.1/24`, "dev", bridge);
    run("ip", "link", "set", bridge, "up");
    for (const zone of ZONES) {
      const [namespace, outside] = [this.#namespace(zone), this.#outside(zone)];
      run("ip", "netns", "add", namespace);
      run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      run("ip", "link", "set", outside, "master", bridge, "up");
      run("ip", "-n", namespace, "address", "add", `${this.#host(zone)}/24`, "dev", "eth0");
      run("ip", "-n", namespace, "link", "set", "eth0", "up");
      run("ip", "-n", namespace, "link", "set", "lo", "up");
    }
    try {
      this.#netem("az-a", "delay", "1ms");
      this.#noNetem("az-a");
      this.hasNetem = true;
    } catch {
      this.hasNetem = false;
    }
  }

  #namespace(zone: Zone): string {
    return `${this.#prefix}-${zone}`;
  }

  #outside(zone: Zone): string {
    return `${this.#prefix}${zone.at(-1)}`;
  }

  #host(zone: Zone): string {
    return `${this.#subnet}.${11 + ZONES.indexOf(zone)}`;
  }

  /** For `millrace up --zone-networks`. */
  writeFile(directory: string): string {
    const path = join(directory, "zone-networks.json");
    const entry = (zone: Zone): object => ({
      host: this.#host(zone),
      command: ["ip", "netns", "exec", this.#namespace(zone)],
    });
    writeFileSync(path, JSON.stringify(Object.fromEntries(ZONES.map((zone) => [zone, entry(zone)]))));
    return path;
  }

  /** Nothing reaches it, and nothing leaves it. @returns what ends it */
  isolate(zone: Zone): () => void {
    run("ip", "link", "set", this.#outside(zone), "down");
    return () => run("ip", "link", "set", this.#outside(zone), "up");
  }

  /** What it sends to the other zones goes nowhere; it hears them all the same. */
  mute(zone: Zone): () => void {
    const others = ZONES.filter((other) => other !== zone).map((other) => `${this.#host(other)}/32`);
    for (const other of others) run("ip", "-n", this.#namespace(zone), "route", "add", "blackhole", other);
    return () => {
      for (const other of others) run("ip", "-n", this.#namespace(zone), "route", "del", "blackhole", other);
    };
  }

  /** Two zones do not reach each other; both reach the third, and the gateway. */
  separate(one: Zone, other: Zone): () => void {
    run("ip", "-n", this.#namespace(one), "route", "add", "blackhole", `${this.#host(other)}/32`);
    run("ip", "-n", this.#namespace(other), "route", "add", "blackhole", `${this.#host(one)}/32`);
    return () => {
      run("ip", "-n", this.#namespace(one), "route", "del", "blackhole", `${this.#host(other)}/32`);
      run("ip", "-n", this.#namespace(other), "route", "del", "blackhole", `${this.#host(one)}/32`);
    };
  }

  /** A long way off, and lossy. */
  degrade(zone: Zone): () => void {
    this.#netem(zone, "delay", "40ms", "20ms", "loss", "3%");
    return () => this.#noNetem(zone);
  }

  #netem(zone: Zone, ...effects: string[]): void {
    run("tc", "qdisc", "add", "dev", this.#outside(zone), "root", "netem", ...effects);
  }

  #noNetem(zone: Zone): void {
    run("tc", "qdisc", "del", "dev", this.#outside(zone), "root");
  }

  destroy(): void {
    const commands = [
      ...ZONES.map((zone) => ["link", "del", this.#outside(zone)]),
      ...ZONES.map((zone) => ["netns", "del", this.#namespace(zone)]),
      ["link", "del", this.#prefix],
    ];
    for (const command of commands) {
      try {
        run("ip", ...command);
      } catch {
        // It was not made, or is gone with its peer.
      }
    }
  }
}
