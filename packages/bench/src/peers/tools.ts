// What the peers are built from, made once outside of the checkout with the machine's own settings for Go and Maven.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A tool or an artifact is not to be had on this machine: the peer is skipped. */
export class Missing extends Error {}

const CACHE = join(tmpdir(), "millrace-bench");
const BUILD_TIMEOUT_MS = 900_000;

/** The folder of a peer's sources. */
export function sourcesOf(peer: string): string {
  return fileURLToPath(new URL(`../../peers/${peer}`, import.meta.url));
}

/** @throws Missing */
export function need(command: string, ...probe: readonly string[]): void {
  if (spawnSync(command, probe, { stdio: "ignore" }).status !== 0) throw new Missing(`${command} is not here`);
}

/** @throws Missing: what the command fetches is not to be had, or does not build */
export function build(command: string, parameters: readonly string[], workingDirectory: string): void {
  const options = { cwd: workingDirectory, encoding: "utf8", timeout: BUILD_TIMEOUT_MS } as const;
  const { status, stdout, stderr } = spawnSync(command, parameters, options);
  if (status !== 0) throw new Missing(`${command} ${parameters[0]} failed: ${`${stdout}${stderr}`.slice(-500)}`);
}

/** The folder that `make` filled; made anew when one of the sources has changed, and a broken attempt leaves nothing. */
export function made(peer: string, make: (folder: string) => void): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(sourcesOf(peer), { recursive: true, withFileTypes: true })) {
    if (file.isFile()) hash.update(readFileSync(join(file.parentPath, file.name)));
  }
  const folder = join(CACHE, `${peer}-${hash.digest("hex").slice(0, 12)}`);
  const mark = join(folder, ".complete");
  if (existsSync(mark)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make(folder);
  writeFileSync(mark, "");
  return folder;
}
