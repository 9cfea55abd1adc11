import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseFailpoints } from "./failpoint-spec.ts";
import { FAILPOINT_NAMES, type FailpointName, FAILPOINTS } from "./failpoints.ts";

const packages = fileURLToPath(new URL("../..", import.meta.url));
const sources = readdirSync(packages)
  .filter((name) => name !== "util" && existsSync(`${packages}/${name}/src`))
  .flatMap((name) =>
    readdirSync(`${packages}/${name}/src`, { recursive: true }).map((path) => `${name}/src/${String(path)}`),
  )
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));

/** Where each name stands in the code, once for each time. */
function usesOf(): Map<string, string[]> {
  const uses = new Map<string, string[]>(FAILPOINT_NAMES.map((name) => [name, []]));
  for (const file of sources) {
    for (const [, text = ""] of readFileSync(`${packages}/${file}`, "utf8").matchAll(/"([a-z-]+\.[a-z-]+)"/g)) {
      uses.get(text)?.push(file);
    }
  }
  return uses;
}

test("T08 every failpoint stands where its list says, once", () => {
  const listed = FAILPOINT_NAMES.map((name) => [name, [FAILPOINTS[name].file]]);
  expect(Object.fromEntries(usesOf())).toEqual(Object.fromEntries(listed));
});

test("T08 there are at least as many failpoints as etcd has", () => {
  expect(FAILPOINT_NAMES.length).toBeGreaterThanOrEqual(41);
});

test("T08 the failpoints' page has each of them, and no other", () => {
  const page = readFileSync(`${packages}/docs/failpoints.md`, "utf8");
  const rows = [...page.matchAll(/^\| `([a-z-]+\.[a-z-]+)` +\| `([^`]+)` +\| (.+?) +\|$/gm)];
  expect(rows.map(([, name, file, state]) => [name, file, state])).toEqual(
    FAILPOINT_NAMES.map((name) => [name, FAILPOINTS[name].file, FAILPOINTS[name].state]),
  );
});

test("T08 a failpoint kills with its own chance, or with that of all others", () => {
  const died: FailpointName[] = [];
  const die = (name: FailpointName): void => void died.push(name);
  let drawn = 0.4;
  const pass = parseFailpoints("journal.after-sync=kill:0.5, *=kill:.1", { draw: () => drawn, die });
  pass("journal.after-sync");
  pass("raft.before-apply");
  expect(died).toEqual(["journal.after-sync"]);
  drawn = 0.05;
  pass("raft.before-apply");
  expect(died).toEqual(["journal.after-sync", "raft.before-apply"]);
});

test.each(["journal.after-snyc=kill:1", "journal.after-sync=kill:2", "journal.after-sync", "journal.after-sync=panic"])(
  "T08 %s is refused",
  (text) => {
    expect(() => parseFailpoints(text, { draw: () => 0, die: () => undefined })).toThrow(/failpoint/);
  },
);
