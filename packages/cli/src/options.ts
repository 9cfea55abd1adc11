import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addressProblem } from "./addresses.ts";

/** One row makes the flag, its MILLRACE_… variable, its key in the config file, its bounds and its line of help. */
export interface OptionRow {
  /** camelCase: the config file's key. */
  readonly key: string;
  readonly placeholder?: string;
  readonly help: string;
  readonly default?: string | number | boolean;
  readonly parse?: (text: string) => unknown;
  readonly choices?: readonly string[];
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text.trim()) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A part of 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1)) throw new InvalidArgumentError("It must be from 0 to 1.");
  return value;
}

/** `id=host:port,id=host:port`, each id and each address once. */
export function addressMap(text: string): Map<string, string> {
  const addresses = new Map<string, string>();
  for (const part of text.split(",")) {
    const [id = "", to = "", ...rest] = part.trim().split("=");
    if (id === "" || to === "" || rest.length > 0) {
      throw new InvalidArgumentError("It must look like id=host:port,id=host:port.");
    }
    if (addresses.has(name(id))) throw new InvalidArgumentError(`"${id}" is there twice.`);
    if ([...addresses.values()].includes(to)) throw new InvalidArgumentError(`${to} is there twice.`);
    addresses.set(id, reachable(to));
  }
  return addresses;
}

/** `host:port` or `id=host:port`, with commas: for those who need to know no ids. */
export function addressList(text: string): string[] {
  return text.split(",").map((part) => reachable(part.trim().replace(/^[^=]*=/, "")));
}

/** `host:port` of somebody else. */
export function reachable(text: string): string {
  return checkedAddress(text, 1);
}

/** `host:port` to listen at; port 0 is any that is free. */
export function listening(text: string): string {
  return checkedAddress(text, 0);
}

function checkedAddress(text: string, portMin: 0 | 1): string {
  const problem = addressProblem(text, portMin);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return text;
}

/** Of a node or a zone: it stands in lists, labels and log lines. */
export function name(text: string): string {
  if (!/^[^\s,=/\\"\p{Cc}]{1,128}$/u.test(text)) {
    throw new InvalidArgumentError("A name has 1 to 128 characters, and no spaces, commas, quotes, slashes or '='.");
  }
  return text;
}

/** An AWS account. */
export function accountId(text: string): string {
  if (!/^\d{12}$/.test(text)) throw new InvalidArgumentError("It must be 12 digits.");
  return text;
}

export function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) {
    throw new InvalidArgumentError("It must be a URL, http://host:port.");
  }
  return text;
}

const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Adds the rows to a command, and `--config FILE` whose keys count below flags and variables. */
export function addOptions(command: Command, rows: readonly OptionRow[]): void {
  command.addOption(
    new Option("--config <file>", "JSON file with any of these options by their camelCase names").env(
      "MILLRACE_CONFIG",
    ),
  );
  for (const row of rows) {
    const negated = row.default === true;
    const name = `--${negated ? "no-" : ""}${kebab(row.key)}`;
    const option = new Option(row.placeholder === undefined ? name : `${name} <${row.placeholder}>`, row.help);
    option.env(variableOf(row));
    if (row.choices !== undefined) option.choices([...row.choices]);
    if (row.parse !== undefined) option.argParser(row.parse);
    if (row.default !== undefined && !negated) option.default(row.default);
    command.addOption(option);
  }
  command.hook("preAction", (_, actionCommand) => {
    if (actionCommand !== command) return;
    applyFlagVariables(command, rows);
    applyConfigFile(command, rows);
  });
}

const variableOf = (row: OptionRow): string =>
  `MILLRACE_${row.default === true ? "NO_" : ""}${kebab(row.key).replaceAll("-", "_").toUpperCase()}`;

/** Commander takes a flag's variable that is there for "on", whatever it says: MILLRACE_INSECURE=false opened the door. */
function applyFlagVariables(command: Command, rows: readonly OptionRow[]): void {
  for (const row of rows) {
    if (row.placeholder !== undefined || command.getOptionValueSource(row.key) !== "env") continue;
    const variable = variableOf(row);
    const text = (process.env[variable] ?? "").toLowerCase();
    if (["true", "1"].includes(text)) continue;
    if (!["false", "0", ""].includes(text)) command.error(`error: ${variable} must be true or false`);
    command.setOptionValueWithSource(row.key, row.default, "env");
  }
}

function applyConfigFile(command: Command, rows: readonly OptionRow[]): void {
  const path = command.opts<{ config?: string }>().config;
  if (path === undefined) return;
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    command.error(`error: cannot read the config file ${path}: ${(error as Error).message}`);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    command.error(`error: the config file ${path} must hold one JSON object`);
  }
  for (const [key, value] of Object.entries(values as Record<string, unknown>)) {
    const row = rows.find((candidate) => candidate.key === key);
    if (row === undefined) command.error(`error: the config file ${path} has an unknown key "${key}"`);
    const source = command.getOptionValueSource(key);
    if (source !== undefined && source !== "default") continue;
    command.setOptionValueWithSource(key, parseConfigValue(command, path, row as OptionRow, value), "config");
  }
}

function parseConfigValue(command: Command, path: string, row: OptionRow, value: unknown): unknown {
  const isFlag = row.placeholder === undefined;
  if (isFlag !== (typeof value === "boolean") || (typeof value === "object" && value !== null)) {
    command.error(`error: "${row.key}" in ${path} must be ${isFlag ? "true or false" : "text or a number"}`);
  }
  if (isFlag) return value;
  const text = String(value);
  if (row.choices !== undefined && !row.choices.includes(text)) {
    command.error(`error: "${row.key}" in ${path} must be one of ${row.choices.join(", ")}`);
  }
  try {
    return row.parse === undefined ? text : row.parse(text);
  } catch (error) {
    return command.error(`error: "${row.key}" in ${path}: ${(error as Error).message}`);
  }
}

/** For commands that reach a cluster elsewhere. In a pod or container the nodes' own variable says where it is. */
export const controllersOption = (): Option =>
  new Option(
    "--controllers <addresses>",
    "host:port of the controllers, with commas, of a cluster elsewhere (id=host:port, as nodes have it, too)",
  )
    .env("MILLRACE_CONTROLLERS")
    .argParser(addressList);
