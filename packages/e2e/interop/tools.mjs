// What the suites need, made once outside of the checkout: venvs, Maven's jars, npm's packages.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort } from "@millrace/e2e";

const CACHE = join(tmpdir(), "millrace-interop");
const INSTALL_TIMEOUT_MS = 600_000;
const LEASES_TIMEOUT_MS = 30_000;
const SOURCES = "src/main/java";

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

/** How a program is started that lies in a folder as pom.xml and sources, or what is missing for it: `properties` are the
 * pom's, `options` the machine's. */
export function javaProgram(name, folder, { properties = [], options = [] } = {}) {
  const { jars, missing } = javaLibraries(name, join(folder, "pom.xml"), properties);
  if (missing !== undefined) return { missing };
  const classes = join(CACHE, `${name}-classes`);
  rmSync(classes, { recursive: true, force: true });
  mkdirSync(classes, { recursive: true });
  const sources = readdirSync(join(folder, SOURCES)).map((file) => join(folder, SOURCES, file));
  const compiled = spawnSync("javac", ["-d", classes, "-cp", join(jars, "*"), ...sources], { encoding: "utf8" });
  if (compiled.status !== 0) throw new Error(`interop/${name} does not compile: ${compiled.stderr}`);
  const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";
  return { command: ["java", quiet, ...options, "-cp", `${classes}:${join(jars, "*")}`] };
}

/** The folder of what a pom names. */
function javaLibraries(name, pom, properties = []) {
  if (!works("javac", "-version") || !works("mvn", "-version")) return { missing: "a JDK and Maven" };
  // Another pom, other jars.
  const version = createHash("sha256").update(readFileSync(pom)).update(properties.join()).digest("hex").slice(0, 12);
  const jars = made(`${name}-${version}`, (target) =>
    run("mvn", ["-q", "-B", "-f", pom, ...properties, "dependency:copy-dependencies", `-DoutputDirectory=${target}`]),
  );
  return jars === undefined ? { missing: `what the pom of interop/${name} names, from Maven` } : { jars };
}

/** How a crate's program is started, or what is missing for it. Built where it is kept: the SDK takes a minute or two. */
export function rustProgram(name, folder) {
  if (!works("cargo", "--version")) return { missing: "cargo" };
  const manifest = ["--manifest-path", join(folder, "Cargo.toml")];
  if (!run("cargo", ["fetch", ...manifest]))
    return { missing: `what interop/${name}/Cargo.toml names, from crates.io` };
  const target = join(CACHE, name);
  const built = spawnSync("cargo", ["build", "--quiet", ...manifest, "--target-dir", target], { stdio: "inherit" });
  if (built.status !== 0) throw new Error(`interop/${name} does not compile`);
  return { command: [join(target, "debug/millrace-interop")] };
}

/** DynamoDB for KCL's leases, as Amazon gives it to developers: in memory. */
export async function startLeaseStore(pom) {
  const { jars, missing } = javaLibraries("leases", pom);
  if (missing !== undefined) return { missing };
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const store = spawn(
    "java",
    [
      ...[`-Dsqlite4java.library.path=${jars}`, "-cp", join(jars, "*")],
      ...["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-disableTelemetry"],
      ...["-port", new URL(endpoint).port],
    ],
    { stdio: "ignore" },
  );
  const isThere = () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  await eventually(isThere, LEASES_TIMEOUT_MS, () => "the lease store");
  return { endpoint, stop: () => store.kill() };
}
