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
  D: "durability and replication under faults",
  O: "operations",
  S: "security",
  X: "developer experience",
};
const IDS = [
  ..."W01 W03 W05 W07 W09 W11 W13 W15 W17 W19 W22".split(" "),
  ..."I01 I03 I05 I07 I09 I11 E01 E03 E05 E07 E09 E11".split(" "),
  ..."R01 R03 R05 R07 R09 R11 C01 C03 C05 C07 C09 C11".split(" "),
  ..."D01 D03 D06 D08 D10 D12 D14 D16 D19 D21 D23".split(" "),
  ..."O01 O03 O05 O07 O09 O11 O13 O15 O17 O19 O21 S01 S03 S06 S08".split(" "),
  ..."X01 X03 X05 X07 X09 X11".split(" "),
];

/** What no vitest test shows, or not all of. Where a client is needed that a test cannot bring along. */
const NOTES: Readonly<Record<string, string>> = {
  C01: "`npm run interop -- --only kcl --records 100000`: KCL 2.7 and 3.5, polling and by fan-out, one worker, over two splits, a restart of every node and a merge. KCL 1 and two workers: not tried.",
  C03: "`npm run interop -- --only kpl`: the KPL's native daemon writes over a split, through a gateway with TLS; what is stored is compared with what it put.",
  C07: "Not tried: Terraform is no package of the registries that the tests use. Its calls are among those of W07.",
  C09: "`npm run interop -- --only kcl` runs KCL 2.7 and 3.5 with DynamoDB Local as their lease store. The cost of leases: not tried.",
  D03: "Thirty kills in each of three simulated clusters; `npm run bench -- --only failover` kills real leaders, `npm run chaos` under load.",
  D08: "Under load, filled, restarted while full, freed: `npm run chaos`, on a disk of its own.",
  D14: "Simulated. Leadership stays: a leader's slow disk does not delay its puts, for the two others acknowledge them.",
  D21: "An empty controller has no vote before the others have filled it and taken it in as a new member; `millrace status` says so meanwhile. A process whose folder goes ends itself within a second or two, and comes back as an empty one.",
  O01: "Pods by `npm run k8s-e2e`: a broker is ready when the controllers know that its replicas have caught up. 20 GB a broker, and `kubectl drain`, which needs an API server: not tried.",
  O03: "`npm run k8s-e2e` stops pods with their grace, and without any.",
  O05: "400 streams by `npm run long`; so far it passed with 8 (`--share 0.02`). On pods, with the alerts that fire and resolve: `npm run k8s-e2e`.",
  O07: "`npm run k8s-e2e` grows a full volume; `packages/docs/operations/grow-a-pvc.md`.",
  O09: "1,000 streams by `npm run long`, with quotas off; so far it passed with 20 (`--share 0.02`). With quotas five a second are made (`gateway/src/quotas.test.ts`).",
  O11: "`npm run long`; so far it was tried only on a machine with ten times more to do than it could, and did not pass there. Retention counts in hours at least: what it deletes and compacts here are the segments of streams that come and go. RocksDB holds the index only, records never go through its compactions.",
  O13: "Ten minutes by `npm run long`; so far it passed with twelve seconds (`--share 0.02`). Half a minute: `npm run chaos`.",
  O15: "`npm run k8s-e2e` limits brokers to 512 MiB and sends 100 batches of 5 MiB at once, then 200 (27 November 2026, two cores, which the senders share): no container was started again, brokers held 286 MiB and gateways 482 MiB at most, health was told within 1.2 s. Of 100 requests 66 were refused by 503 after three tries, and of the records of the others 365 were stored and 315 answered InternalFailure; of the 200 after them 170 were refused, and all records of the others stored. Other writers waited for 29 s at worst, and lost nothing.",
  O17: "4 GB by `npm run long`; so far it passed with 1 GB (ready after 17 s, 14 s when empty; 132 MiB at most, 98 when empty). The start reads the journal from the last checkpoint of the index on, whatever its size; 50 GB: no such disk here.",
  O19: "The pace: `multiraft/src/catch-up-pace.test.ts`; the figures: `npm run bench -- --only scale-out,refill`; pods: `npm run k8s-e2e`.",
  S01: "In the gateway with real signatures of the SDK; clock skew, tokens and scopes among them.",
  S03: "With the headers that browsers send; in Chromium by `npm run interop -- browser`.",
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

test("every case has a test, or says why not", async () => {
  const found = testsById();
  const lines = [
    "# Cases that users reported, and their tests",
    "",
    "Each case is something that went wrong for users of stand-ins for Kinesis, of its clients or of replicated logs; its id stands in the",
    "names of the tests that show it right here. Made by `packages/e2e/src/cases/table.test.ts`; `vitest -u` writes it anew. Tests in",
    "`e2e/src/long` take minutes to an hour, and run by `npm run long`.",
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
