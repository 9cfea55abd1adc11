import { readFileSync } from "node:fs";

/** A stream that should exist, as `--streams` or `--streams-file` names it. */
export interface StreamDeclaration {
  readonly name: string;
  readonly mode: "PROVISIONED" | "ON_DEMAND";
  /** Of a provisioned one. */
  readonly shardCount: number;
  /** 24 to 8,760. */
  readonly retentionHours: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Words for people: the start fails with them. */
export class BadDeclaration extends Error {}

const NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const SHARDS_MAX = 10_000;
const RETENTION_HOURS_MIN = 24;
const RETENTION_HOURS_MAX = 8_760;
const TAGS_MAX = 50;
const KEYS = new Set(["name", "shards", "mode", "retentionHours", "tags"]);

/** `name`, `name:4`, `name:on-demand`, each with `:48h` of retention behind if wanted; commas between. @throws BadDeclaration */
export function parseStreams(text: string): StreamDeclaration[] {
  const declarations = text.split(",").map((part) => {
    const [name = "", ...rest] = part.trim().split(":");
    let shards: string | undefined;
    let hours: string | undefined;
    for (const word of rest) {
      const isHours = /^\d+h$/.test(word);
      if (isHours ? hours !== undefined : shards !== undefined) fail(part, "says the same twice");
      if (isHours) hours = word.slice(0, -1);
      else shards = word;
    }
    return checked(part, {
      name,
      ...(hours === undefined ? {} : { retentionHours: Number(hours) }),
      ...(shards === "on-demand" ? { mode: "on-demand" } : shards === undefined ? {} : { shards: Number(shards) }),
    });
  });
  return unique(declarations);
}

/** A JSON list of {name, shards | mode: "on-demand", retentionHours, tags}. @throws BadDeclaration */
export function readStreamsFile(path: string): StreamDeclaration[] {
  let list: unknown;
  try {
    list = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new BadDeclaration(`cannot read ${path}: ${(error as Error).message}`);
  }
  if (!Array.isArray(list)) throw new BadDeclaration(`${path} must hold a JSON list of streams`);
  return unique(list.map((item: unknown) => checked(JSON.stringify(item), item)));
}

function unique(declarations: readonly StreamDeclaration[]): StreamDeclaration[] {
  const names = new Set<string>();
  for (const { name } of declarations) {
    if (names.has(name)) throw new BadDeclaration(`stream "${name}" is declared twice`);
    names.add(name);
  }
  return [...declarations];
}

function checked(source: string, item: unknown): StreamDeclaration {
  if (typeof item !== "object" || item === null) fail(source, "is no stream");
  const fields = item as Record<string, unknown>;
  for (const key of Object.keys(fields)) if (!KEYS.has(key)) fail(source, `has an unknown key "${key}"`);
  const { name, shards = 1, mode = "provisioned", retentionHours = RETENTION_HOURS_MIN, tags = {} } = fields;
  if (typeof name !== "string" || !NAME.test(name)) fail(source, "needs a name of 1-128 letters, digits, _ . and -");
  if (mode !== "provisioned" && mode !== "on-demand")
    fail(source, 'has a mode that is not "provisioned" or "on-demand"');
  if (mode === "on-demand" && fields.shards !== undefined) fail(source, "is on demand: it takes no shard count");
  if (!isBetween(shards, 1, SHARDS_MAX)) fail(source, `needs 1 to ${SHARDS_MAX} shards, or on-demand`);
  if (!isBetween(retentionHours, RETENTION_HOURS_MIN, RETENTION_HOURS_MAX)) {
    fail(source, `needs a retention of ${RETENTION_HOURS_MIN} to ${RETENTION_HOURS_MAX} hours`);
  }
  const isTags =
    typeof tags === "object" && tags !== null && Object.values(tags).every((value) => typeof value === "string");
  if (!isTags || Object.keys(tags).length > TAGS_MAX) fail(source, `takes at most ${TAGS_MAX} tags, all of them text`);
  return {
    name,
    mode: mode === "on-demand" ? "ON_DEMAND" : "PROVISIONED",
    shardCount: shards,
    retentionHours,
    tags: tags as Record<string, string>,
  };
}

function isBetween(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function fail(source: string, problem: string): never {
  throw new BadDeclaration(`stream "${source.trim()}" ${problem}`);
}
