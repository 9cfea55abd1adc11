// Builds deploy/Dockerfile with buildah where no image registry can be reached: both bases are made by debootstrap of this machine's
// Debian, and hold this machine's Node.js.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LIMITS, podman } from "./podman.mjs";

const BASE = "localhost/millrace-base:latest";
const RUNTIME = "localhost/millrace-runtime:latest";
const CERTIFICATES = "/etc/ssl/certs";
/** As the slim variants of Debian's images leave them out. */
const NOT_IN_SLIM = [
  "var/cache/apt",
  "var/lib/apt/lists",
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/info",
];

/** `ref`: sources of another commit, by the Dockerfile of this one. */
export async function buildImage(root, tag, say, ref) {
  const directory = mkdtempSync(join(tmpdir(), "millrace-image-"));
  try {
    if (!(await exists(BASE)) || !(await exists(RUNTIME))) {
      say("making base images from this machine's Debian and Node.js …");
      makeBases(directory);
    }
    // npm in the build reaches what npm on this machine reaches, and trusts what it trusts.
    const npmrc = join(directory, "npmrc");
    const cafile = npmConfig("cafile");
    writeFileSync(
      npmrc,
      `registry=${npmConfig("registry")}\n${/^(null|undefined|)$/.test(cafile) ? "" : `cafile=${cafile}\n`}`,
    );
    const context = ref === undefined ? root : sourcesOf(root, ref, join(directory, "sources"));
    say(`building ${tag} …`);
    run(
      ...["buildah", "bud", "--runtime", "runc", ...LIMITS, "-f", join(root, "deploy/Dockerfile")],
      ...["--build-arg", `BASE=${BASE}`, "--build-arg", `RUNTIME=${RUNTIME}`, "--secret", `id=npmrc,src=${npmrc}`],
      ...(existsSync(CERTIFICATES) ? ["--volume", `${CERTIFICATES}:${CERTIFICATES}:ro`] : []),
      ...["--tag", tag, context],
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sourcesOf(root, ref, directory) {
  mkdirSync(directory);
  run("git", "-C", root, "archive", "--output", `${directory}.tar`, ref);
  run("tar", "-C", directory, "-xf", `${directory}.tar`);
  return directory;
}

export async function imageFacts(tag) {
  const [{ Size: size, Config: config }] = JSON.parse(await podman("image", "inspect", tag));
  return { sizeMb: Math.round(size / 1e6), user: config.User };
}

function makeBases(directory) {
  const rootfs = join(directory, "rootfs");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  if (codename === undefined) throw new Error("this machine is no Debian");
  run("debootstrap", "--variant=minbase", "--include=ca-certificates", codename, rootfs);
  for (const path of NOT_IN_SLIM) {
    rmSync(join(rootfs, path), { recursive: true, force: true });
    mkdirSync(join(rootfs, path), { recursive: true });
  }
  load(rootfs, RUNTIME);
  const npm = dirname(
    dirname(execFileSync("readlink", ["-f", execFileSync("which", ["npm"]).toString().trim()]).toString()),
  );
  cpSync(process.execPath, join(rootfs, "usr/local/bin/node"));
  cpSync(npm, join(rootfs, "usr/local/lib/node_modules/npm"), { recursive: true });
  for (const name of ["npm", "npx"]) {
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(rootfs, "usr/local/bin", name));
  }
  load(rootfs, BASE);
}

function load(rootfs, tag) {
  const tar = `${rootfs}.tar`;
  run("tar", "-C", rootfs, "-cf", tar, ".");
  run("podman", "import", tar, tag);
  rmSync(tar);
}

const exists = (tag) =>
  podman("image", "exists", tag).then(
    () => true,
    () => false,
  );

const npmConfig = (key) => execFileSync("npm", ["config", "get", key], { encoding: "utf8" }).trim();

function run(program, ...parameters) {
  try {
    execFileSync(program, parameters, { stdio: ["ignore", "pipe", "pipe"], maxBuffer: 256 * 1024 * 1024 });
  } catch (error) {
    throw new Error(`${program} failed:\n${String(error.stdout).slice(-3_000)}\n${String(error.stderr).slice(-3_000)}`);
  }
}
