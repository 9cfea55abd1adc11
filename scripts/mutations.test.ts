// The simulation can fail: a few of the planted bugs here, all of them by `npm run mutations`.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
// @ts-expect-error -- a script without types
import { MUTATIONS, mutate } from "./mutations/list.mjs";

interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly scenario?: string;
}

interface Outcome {
  /** The seeds of random lives. */
  readonly caught: readonly number[];
  readonly scenario?: boolean;
}

const root = fileURLToPath(new URL("..", import.meta.url));

function live(name: string, settings: Record<string, string>): Outcome {
  const env = { ...process.env, MUTATION: name, ...settings };
  const { stdout } = spawnSync(process.execPath, [`${root}/scripts/mutations/live.mjs`], { env, encoding: "utf8" });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Outcome;
}

test("every planted bug finds its place in the built code", () => {
  for (const mutation of MUTATIONS as Mutation[]) {
    const source = readFileSync(`${root}/packages/${mutation.file}`, "utf8");
    expect(mutate(source, mutation)).not.toBe(source);
  }
});

test.each([
  "the journal is not synced",
  "one replica of three is a majority",
  "a follower acknowledges before its disk has the entry",
  "a repeated batch is not recognised",
])(
  "T07 the simulation notices: %s",
  (name) => {
    expect(live(name, { SEEDS: "10", MINUTES: "0.3", FIRST: "1" }).caught.length).toBeGreaterThan(0);
  },
  120_000,
);

const scripted = (MUTATIONS as Mutation[]).filter(({ scenario }) => scenario !== undefined);

test.each(scripted)(
  "T07 its scenario notices: $name",
  ({ name }) => {
    expect(live(name, { SEEDS: "0" }).scenario).toBe(true);
  },
  120_000,
);
