// Are the histories of the control plane linearizable? npm run linearizability -- [--seeds N] [--from S] [--minutes M]
// Simulated lives, judged by our own checker as they end, and by Porcupine, a Go program, afterwards. Without Go the second is left out.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "millrace-histories-"));
try {
  const histories = join(directory, "histories.jsonl");
  const args = ["scripts/simulate.mjs", "--twice", "0", ...process.argv.slice(2), "--histories", histories];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  process.exitCode = status ?? 1;
  if (spawnSync("go", ["version"]).status === 0) {
    const stdin = openSync(histories, "r");
    execFileSync("go", ["run", "."], { cwd: join(root, "scripts/porcupine"), stdio: [stdin, "inherit", "inherit"] });
  } else {
    console.log("skipped: Porcupine (there is no Go here)");
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
