// All static checks: types are built, lint with types, format, generated files up to date. One failure fails them all.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const checks = [
  ["types", ["node_modules/typescript/bin/tsc", "-b"]],
  ["lint", ["node_modules/oxlint/bin/oxlint", "--type-aware", "--quiet"]],
  ["format", ["node_modules/prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."]],
  ["generated types", ["scripts/generate-proto-types.mjs", "--check"]],
];

let failed = 0;
for (const [name, [script, ...args]] of checks) {
  const result = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) failed++;
  console.log(`${result.status === 0 ? "ok    " : "FAILED"} ${name}`);
}
process.exit(failed === 0 ? 0 : 1);
