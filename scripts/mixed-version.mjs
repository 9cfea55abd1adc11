// A rolling upgrade under load from another version to this one, and back: node scripts/mixed-version.mjs REF [--no-downgrade] [--json FILE]
// REF is a commit or tag; it is built in a temporary folder. Ends with 1 when anything was lost or a request failed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "no-downgrade": { type: "boolean", default: false }, json: { type: "string" } },
});
const [ref] = positionals;
if (ref === undefined) {
  console.error("node scripts/mixed-version.mjs REF: the commit or tag to come from");
  process.exit(2);
}

const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: ["ignore", 2, 2] });
execFileSync(process.execPath, ["scripts/ensure-built.mjs"], { cwd: root, stdio: ["ignore", 2, 2] });
const directory = mkdtempSync(join(tmpdir(), "millrace-version-"));
try {
  const archive = join(directory, "source.tar");
  run("git", ["archive", "--output", archive, ref], root);
  run("tar", ["-xf", archive, "-C", directory], root);
  console.error(`building ${ref} …`);
  run("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline"], directory);
  run(process.execPath, [join(directory, "node_modules/typescript/bin/tsc"), "-b"], directory);

  const { runUpgrade, PROGRAM } = await import(new URL("../packages/e2e/dist/index.js", import.meta.url));
  const [before, here] = [
    { name: ref, program: join(directory, "packages/cli/bin/millrace.mjs") },
    { name: "this", program: PROGRAM },
  ];
  const versions = values["no-downgrade"] ? [before, here] : [before, here, before];
  const report = await runUpgrade({ versions, onProgress: (line) => console.log(line) });
  console.log(`\nacknowledged ${report.acknowledged}, failed requests ${report.failedRequests}`, report.failures);
  console.log(`lost, repeated or reordered: ${report.violations.length}`);
  for (const violation of report.violations.slice(0, 20)) console.log(`  ${violation}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.violations.length + report.failedRequests > 0 ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
