import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../bin/millrace.mjs", import.meta.url));
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-main-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

test("the version is said", async () => {
  expect((await run(process.execPath, [PROGRAM, "--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("a variable that is there and empty says nothing", async () => {
  const env = { ...process.env, MILLRACE_STREAMS: "", MILLRACE_LISTEN: "", MILLRACE_ROLE: "", MILLRACE_CONFIG: "" };
  const { stderr } = (await run(process.execPath, [PROGRAM, "start"], { env }).catch((error: unknown) => error)) as {
    stderr: string;
  };
  expect(stderr).toContain("--role is needed");
});

test("a data folder that cannot be made ends the start", async () => {
  for (const path of ["/proc/none/data", PROGRAM]) {
    const { code, stderr } = await refusal("start", "--single", "--data-dir", path);
    expect(code).toBe(1);
    expect(stderr).toMatch(/"error":"(ENOENT|ENOTDIR|EACCES|EROFS): /);
  }
}, 30_000);

/** What people see of a command that cannot be carried out. */
async function refusal(...words: string[]): Promise<{ code: number; stderr: string }> {
  try {
    await run(process.execPath, [PROGRAM, ...words]);
  } catch (error) {
    return error as { code: number; stderr: string };
  }
  throw new Error("there was one");
}

test("a command that cannot be carried out says why in a line", async () => {
  const missing = ["--peer-ca", "/missing", "--peer-certificate", "/missing", "--peer-key", "/missing"];
  writeFileSync(join(directory, "cluster.json"), "{");
  for (const [command, words] of [
    [["status", "--controllers", "127.0.0.1:1", ...missing], "no such file"],
    [["status", "--controllers", "127.0.0.1:1", ...missing.slice(0, 2)], "go together"],
    [["status", "--data-dir", directory], "cluster.json is broken"],
    [["up", "--data-dir", directory], "cluster.json is broken"],
    [["up", "--data-dir", join(directory, "new"), ...missing], "no such file"],
    [
      ["recover-shard", "--stream", "s", "--from", "b", "--controllers", "127.0.0.1:1"],
      "nothing listens at 127.0.0.1:1",
    ],
    [["start", "--role", "gateway", "--id", "g", "--controllers", "c=h:1", "--az-file", "/missing"], "no such file"],
  ] as const) {
    const { code, stderr } = await refusal(...command);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
}, 60_000);

test("a value that cannot be right ends the start at once, and its flag is named", async () => {
  const gateway = ["start", "--role", "gateway", "--id", "g", "--controllers", "c=h:1"];
  for (const [command, words] of [
    [["start", "--single", "--listen", "host:99999"], "'--listen <host:port>' argument 'host:99999'"],
    [["start", "--single", "--listen", "::1:4567"], "an IPv6 address in brackets"],
    [["start", "--role", "broker", "--id", "b", "--controllers", "c=h:0"], "'--controllers"],
    [["start", "--role", "controller", "--id", "x", "--controllers", "c=h:1"], "--id x is none of --controllers"],
    [[...gateway, "--tls-optional"], "--tls-optional goes with"],
    [[...gateway, "--tls-key", "k"], "--tls-certificate and --tls-key go together"],
    [[...gateway, "--listen", "0.0.0.0:4567"], "give --credentials FILE, or --insecure"],
    [["status", "--controllers", "host"], "'--controllers"],
  ] as const) {
    const { code, stderr } = await refusal(...command);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('"level"');
  }
}, 60_000);
