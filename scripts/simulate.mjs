// Whole clusters in simulated worlds: npm run simulate -- --seeds N [--seed S --trace] [--minutes M] [--json FILE]
// Ends with 1 when a promise was broken.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(process.execPath, ["scripts/ensure-built.mjs"], { cwd: root, stdio: "inherit" });
const { simulate } = await import(new URL("../packages/simulation/dist/index.js", import.meta.url));
simulate(process.argv.slice(2));
