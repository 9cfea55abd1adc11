// Installs the dependencies when they are missing or older than the lock file, and builds when sources are newer.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(command, args) {
  // Progress belongs on standard error: standard output is the program's.
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    console.error(`${command} ${args.join(" ")} failed`);
    process.exit(result.status ?? 1);
  }
}

export async function ensureBuilt() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Millrace needs Node.js 20.19 or newer; this is ${process.version}.`);
    process.exit(1);
  }
  const marker = join(root, "node_modules/.package-lock.json");
  const stale = !existsSync(marker) || statSync(marker).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs;
  if (stale) {
    console.error("installing dependencies …");
    run("npm", ["ci", "--no-audit", "--no-fund"]);
  }
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await ensureBuilt();
