import { readFileSync } from "node:fs";

/** Where a zone's controllers and brokers run: an address of their own, and what starts a program there. */
export interface ZoneNetwork {
  readonly host: string;
  /** Before the program and its arguments: `ip netns exec NAME`, say. */
  readonly command: readonly string[];
}

export type ZoneNetworks = Readonly<Record<string, ZoneNetwork>>;

/** By zone. What tests of partitions write: `{"az-a": {"host": "10.0.0.2", "command": ["ip", "netns", "exec", "a"]}, ...}`. */
export function readZoneNetworks(path: string | undefined): ZoneNetworks {
  return path === undefined ? {} : (JSON.parse(readFileSync(path, "utf8")) as ZoneNetworks);
}
