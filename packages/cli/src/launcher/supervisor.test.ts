import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@millrace/util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NodeProcess } from "./supervisor.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-supervisor-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What the launcher logs of a program that dies. */
async function death(source: string): Promise<Record<string, unknown>> {
  const [program, logFile] = [join(directory, "program.mjs"), join(directory, "node.log")];
  writeFileSync(program, source);
  const said = await new Promise<Record<string, unknown>>((resolve) => {
    const logger = { ...silentLogger, warn: (fields: Record<string, unknown>) => resolve(fields) } as unknown as Logger;
    const [command, rest]: [string[], string[]] = [[], []];
    const options = { id: "n", program, command, arguments: rest, logFile, restart: false, logger };
    new NodeProcess({ ...options, onChange: () => undefined }).start();
  });
  expect(said.log).toBe(logFile);
  expect(readFileSync(logFile, "utf8")).not.toBe("");
  return said;
}

test("the launcher says why a node died: its log's last error, or what Node printed of it", async () => {
  const lines = [
    { level: 30, msg: "started" },
    { level: 60, node: "n", error: 'the "disk" is full', msg: "stopped by an error" },
    { level: 30, msg: "closed" },
  ].map((line) => JSON.stringify(line));
  const writes = lines.map((line) => `process.stderr.write(${JSON.stringify(`${line}\n`)});`).join("");
  expect(await death(`${writes} process.exitCode = 1;`)).toMatchObject({ code: 1, why: 'the "disk" is full' });
  expect(await death("throw new RangeError('out of range');")).toMatchObject({ why: "RangeError: out of range" });
  expect((await death("console.error('hm'); process.exitCode = 3;")).why).toBeUndefined();
});
