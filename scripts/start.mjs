// `npm start` on a fresh clone: install, build, then hand over to the program. Plain JavaScript: nothing is built yet.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "./ensure-built.mjs";

await ensureBuilt();
const program = fileURLToPath(new URL("../packages/cli/bin/millrace.mjs", import.meta.url));
const child = spawn(process.execPath, [program, "up", ...process.argv.slice(2)], { stdio: "inherit" });
// The terminal sends Ctrl-C to the child as well; a SIGTERM sent to us alone must reach it too.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
