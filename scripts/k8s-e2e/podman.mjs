// Debian's podman as root, with runc: the container runtime below our imitation of a kubelet.
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Root without CAP_SYS_RESOURCE may not raise limits, and podman's defaults do. */
export const LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"];

export async function podman(...parameters) {
  const { stdout } = await run("podman", ["--runtime", "runc", ...parameters], { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Resolves with the exit status when the container ends, whoever ends it. */
export function ended(name) {
  return new Promise((resolve) => {
    const waiting = spawn("podman", ["--runtime", "runc", "wait", name], { stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    waiting.stdout.on("data", (chunk) => (output += chunk));
    waiting.once("close", () => resolve(Number(output.trim())));
  });
}

/** What a container has said: ours say it on standard error. */
export async function logs(name, ...parameters) {
  const { stdout, stderr } = await run("podman", ["--runtime", "runc", "logs", ...parameters, name]);
  return `${stdout}${stderr}`.trim();
}

export async function inspect(name) {
  const [{ State: state, NetworkSettings: network }] = JSON.parse(await podman("inspect", name));
  const [attached] = Object.values(network.Networks);
  return { pid: state.Pid, exitCode: state.ExitCode, address: attached?.IPAddress ?? "" };
}

/** Resident at most, of a process that lives. */
export function peakMib(pid) {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kib) / 1_024);
}

export async function sh(program, ...parameters) {
  const { stdout } = await run(program, parameters);
  return stdout;
}
