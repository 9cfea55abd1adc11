import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const PACKAGES = fileURLToPath(new URL("../../../", import.meta.url));
const FILE = join(PACKAGES, "docs/cases.md");
const AREAS: Readonly<Record<string, string>> = {
  W: "API and wire",
  I: "iterators and reads",
  E: "enhanced fan-out",
  R: "resharding and hash ranges",
  C: "client libraries",
  X: "developer experience",
};
const IDS = [
  ..."W01 W03 W05 W07 W09 W11 W13 W15 W17 W19 W22".split(" "),
  ..."I01 I03 I05 I07 I09 I11 E01 E03 E05 E07 E09 E11".split(" "),
  ..."R01 R03 R05 R07 R09 R11 C01 C03 C05 C07 C09 C11".split(" "),
  ..."X01 X03 X05 X07 X09 X11".split(" "),
];

/** What no vitest test shows, or not all of. Where a client is needed that a test cannot bring along. */
const NOTES: Readonly<Record<string, string>> = {
  C01: "`npm run interop -- kcl-polling kcl-fan-out`: KCL 2.7, one worker, 2 to 4 to 2 shards, with `--records 100000` as well. KCL 1 and 3 and two workers: not tried.",
  C03: "Not tried: the KPL's native daemon speaks TLS only, and a cluster has no TLS settings of its own yet.",
  C07: "Not tried: Terraform is no package of the registries that the tests use. Its calls are among those of W07.",
  C09: "`npm run interop` runs KCL 2.7 with dynalite as its lease store. KCL 3 and the cost of leases: not tried.",
  E11: "With five subscribers and ten megabytes; `gateway/src/http/server-limits.test.ts` bounds the memory.",
  R07: "For some seconds at a few hundred records a second, not for ten minutes.",
  W19: "Three rounds from one process.",
  W22: "The rates: `gateway/src/quotas.test.ts`.",
  E03: "TLS and ALPN beside it: `gateway/src/http/server.test.ts`.",
  E09: "Dropped packets and a gateway's host that vanishes: not tried.",
  R11: "Terraform: see C07.",
  X03: "The time to the first put. Without a network and on a read-only root file system: not tried here, the image downloads nothing.",
  X07: "Start and idle memory of one node. The image's size is not measured.",
};

interface NamedTest {
  readonly name: string;
  readonly file: string;
}

function* testFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "dist") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* testFiles(path);
    else if (entry.name.endsWith(".test.ts") && entry.name !== "table.test.ts") yield path;
  }
}

/** By the ids at the beginning of their names: `test("W01: …")`, `describe("W07, X11", …)`. */
function testsById(): Map<string, NamedTest[]> {
  const found = new Map<string, NamedTest[]>();
  for (const path of [...testFiles(PACKAGES)].toSorted()) {
    const text = readFileSync(path, "utf8");
    for (const [, name = ""] of text.matchAll(/\b(?:test|describe)(?:\.each\([^\n]*?\))?\(\s*"((?:[^"\\]|\\.)*)"/g)) {
      const [, ids] = /^((?:[A-Z]\d\d(?:, )?)+)/.exec(name) ?? [];
      for (const id of ids?.match(/[A-Z]\d\d/g) ?? []) {
        found.set(id, [...(found.get(id) ?? []), { name, file: relative(PACKAGES, path) }]);
      }
    }
  }
  return found;
}

test("every case of the areas W, I, E, R, C and X has a test, or says why not", async () => {
  const found = testsById();
  const lines = [
    "# Cases that users reported, and their tests",
    "",
    "Each case is something that went wrong for users of stand-ins for Kinesis, of its clients or of replicated logs; its id stands in the",
    "names of the tests that show it right here. Made by `packages/e2e/src/cases/table.test.ts`; `vitest -u` writes it anew.",
    "",
  ];
  const missing: string[] = [];
  for (const [area, title] of Object.entries(AREAS)) {
    lines.push(`## ${area}: ${title}`, "");
    for (const id of IDS.filter((each) => each.startsWith(area))) {
      const tests = found.get(id) ?? [];
      const note = NOTES[id];
      if (tests.length === 0 && note === undefined) missing.push(id);
      lines.push(`- **${id}**${note === undefined ? "" : ` ${note}`}`);
      for (const { name, file } of tests) lines.push(`  - \`${file}\`: ${name.replaceAll("\\", "")}`);
    }
    lines.push("");
  }
  expect(missing).toEqual([]);
  await expect(lines.join("\n")).toMatchFileSnapshot(FILE);
});
