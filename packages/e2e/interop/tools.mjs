// What the suites need, made once outside of the checkout: venvs, Maven's jars, npm's packages.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CACHE = join(tmpdir(), "millrace-interop");
const INSTALL_TIMEOUT_MS = 600_000;

export const works = (command, ...args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** The folder that `make` filled, or undefined when it cannot be filled here. Made once; a broken attempt leaves nothing. */
function made(name, make) {
  const folder = join(CACHE, name);
  const mark = join(folder, ".complete");
  if (existsSync(mark)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!make(folder)) return undefined;
  writeFileSync(mark, "");
  return folder;
}

const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: "ignore", timeout: INSTALL_TIMEOUT_MS, ...options }).status === 0;

/** The program `aws` of awscli from PyPI. */
export function awsCli(version) {
  const folder = made(`awscli-${version}`, (target) => {
    if (!run("python3", ["-m", "venv", target])) return false;
    return run(join(target, "bin/pip"), ["install", "-q", `awscli==${version}`]);
  });
  return folder === undefined ? undefined : join(folder, "bin/aws");
}

/** A class path of a pom's dependencies and of one compiled source. */
export function javaProgram(name, pom, source) {
  const jars = made(`${name}-jars`, (target) =>
    run("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${target}`]),
  );
  if (jars === undefined) return undefined;
  const classes = join(CACHE, `${name}-classes`);
  mkdirSync(classes, { recursive: true });
  const compiled = spawnSync("javac", ["-d", classes, "-cp", join(jars, "*"), source], { stdio: "inherit" });
  return compiled.status === 0 ? `${classes}:${join(jars, "*")}` : undefined;
}

/** A DynamoDB for KCL's leases: dynalite from npm, in memory. Undefined when it cannot be had. */
export async function startLeaseStore(version) {
  const folder = made(`dynalite-${version}`, (target) =>
    run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix", target, `dynalite@${version}`]),
  );
  if (folder === undefined) return undefined;
  const child = spawn(
    process.execPath,
    [join(folder, "node_modules/dynalite/cli.js"), "--port", "0", "--host", "127.0.0.1", "--createTableMs", "10"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const endpoint = await new Promise((resolve) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const match = /http:\/\/\S+:(\d+)/.exec(output);
      if (match !== null) resolve(`http://127.0.0.1:${match[1]}`);
    });
    child.once("exit", () => resolve(undefined));
  });
  return endpoint === undefined ? undefined : { endpoint, stop: () => child.kill() };
}
