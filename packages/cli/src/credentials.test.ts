import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCredentials } from "./credentials.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-credentials-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function errorOf(text: string): string {
  const path = join(directory, "credentials.json");
  writeFileSync(path, text);
  try {
    readCredentials(path);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

test("S08: what is said of a broken file of access keys has no secret in it", () => {
  for (const secret of [`hunter2`, `"hunter2`, `"hunter2" "x"`]) {
    const said = errorOf(`[{"accessKeyId":"AKID","secretAccessKey":${secret}}]`);
    expect(said).toContain("credentials.json is not valid JSON");
    expect(said).not.toContain("hunter");
  }
});

test("a key without a secret is refused: anybody could sign with it", () => {
  expect(errorOf(`[{"accessKeyId":"AKID","secretAccessKey":""}]`)).toContain("needs accessKeyId and secretAccessKey");
  expect(errorOf(`[{"accessKeyId":"AKID","secretAccessKey":"s"}]`)).toBe("");
});
