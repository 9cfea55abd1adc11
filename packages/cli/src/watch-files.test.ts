import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@millrace/util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchCredentials } from "./credentials.ts";

let directory: string;
let file: string;
let lines: string[];
let logger: Logger;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  directory = mkdtempSync(join(tmpdir(), "millrace-watch-"));
  file = join(directory, "credentials.json");
  lines = [];
  const note =
    (level: string) =>
    (_fields: object, text: string): number =>
      lines.push(`${level}: ${text}`);
  logger = { ...silentLogger, info: note("info"), error: note("error") } as unknown as Logger;
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

const write = (secret: string): void =>
  writeFileSync(file, JSON.stringify([{ accessKeyId: "AKID", secretAccessKey: secret }]));
const seconds = (count: number): unknown => vi.advanceTimersByTime(count * 1_000);

test("a credentials file that is away is said once, and once when it is back; keys go on as they were meanwhile", () => {
  write("one");
  const keys = watchCredentials(file, logger);
  seconds(5);
  expect(lines).toEqual([]);
  renameSync(file, `${file}.away`);
  seconds(10);
  expect(lines).toEqual(["error: credentials file not usable: the last good one stays"]);
  expect(keys.secretFor("AKID")?.secretAccessKey).toBe("one");
  renameSync(`${file}.away`, file);
  seconds(10);
  expect(lines.slice(1)).toEqual(["info: credentials file read again"]);
});

test("each new fault of a file is said, and what is good again is taken up", () => {
  write("one");
  const keys = watchCredentials(file, logger);
  writeFileSync(file, "[");
  seconds(3);
  writeFileSync(file, "{}");
  seconds(3);
  expect(lines).toHaveLength(2);
  write("two");
  seconds(3);
  expect(lines).toHaveLength(3);
  expect(keys.secretFor("AKID")?.secretAccessKey).toBe("two");
});

test("a file of another content with the time of the old one is read: a restored copy keeps its time", () => {
  write("one");
  utimesSync(file, 1_000, 1_000);
  const keys = watchCredentials(file, logger);
  write("two");
  utimesSync(file, 1_000, 1_000);
  seconds(2);
  expect(keys.secretFor("AKID")?.secretAccessKey).toBe("two");
});
