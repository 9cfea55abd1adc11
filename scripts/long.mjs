// Cases that take minutes to an hour, each on a cluster of real processes, one after another; `npm test` leaves them out:
//   npm run long -- [--share 0.1] [NAME …]
// --share makes what takes its time (or its count) that part of what the case asks for. NAME: part of a file's name in
// packages/e2e/src/long, or -t PATTERN. Figures are printed as they come.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "./ensure-built.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const rest = process.argv.slice(2);
const at = rest.indexOf("--share");
const [, share = "1"] = at === -1 ? [] : rest.splice(at, 2);
if (!(Number(share) > 0)) {
  console.error("--share takes a number above 0.");
  process.exit(2);
}
await ensureBuilt();
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const folder = rest.some((word) => !word.startsWith("-")) ? [] : ["packages/e2e/src/long"];
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--config", ".vitest.config.ts", "--no-file-parallelism", ...folder, ...rest],
  { cwd: root, stdio: "inherit", env: { ...process.env, MILLRACE_LONG: share } },
);
process.exitCode = status ?? 1;
