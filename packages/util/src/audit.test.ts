import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeAuditLog } from "./audit.ts";

let directory: string;
let nodeLog: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-audit-"));
  nodeLog = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const logger = () => pino({ level: "warn" }, { write: (line: string) => nodeLog.push(line) });
const operations = (lines: readonly string[]): (string | undefined)[] =>
  lines.map((line) => (JSON.parse(line) as { operation?: string }).operation);
const linesOf = (file: string): string[] => readFileSync(file, "utf8").trimEnd().split("\n");

test("audit lines are in their file when the call returns, readable by its owner only, in folders that are made", () => {
  const file = join(directory, "new", "audit.log");
  const audit = makeAuditLog(logger(), "gateway", file);
  audit({ operation: "CreateStream", outcome: "ok", stream: "orders" });
  expect(JSON.parse(linesOf(file)[0] ?? "")).toMatchObject({ log: "audit", role: "gateway", msg: "CreateStream: ok" });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(nodeLog).toEqual([]);
});

test("a file that cannot be opened stops the start", () => {
  expect(() => makeAuditLog(logger(), "gateway", directory)).toThrow("EISDIR");
});

test.runIf(existsSync("/dev/full"))(
  "while its disk is full audit lines go to the node's log, and nobody is refused",
  () => {
    const [file, real] = [join(directory, "audit.log"), join(directory, "real.log")];
    symlinkSync("/dev/full", file);
    const audit = makeAuditLog(logger(), "controller", file);
    audit({ operation: "createStream", outcome: "ok" });
    audit({ operation: "registerBroker", outcome: "ok" });
    expect(operations(nodeLog)).toEqual([undefined, "createStream", "registerBroker"]);
    expect(nodeLog[0]).toContain("AUDIT LOG NOT WRITABLE");
    unlinkSync(file);
    symlinkSync(real, file);
    audit({ operation: "removeBroker", outcome: "ok" });
    expect(operations(linesOf(real))).toEqual(["removeBroker"]);
    expect(nodeLog).toHaveLength(3);
  },
);
