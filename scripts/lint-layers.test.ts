// The layers hold only if the rule that guards them can fail: each gets an import that it must refuse.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-layers-"));
  cpSync(join(root, ".oxlintrc.json"), join(directory, ".oxlintrc.json"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function lint(file: string, text: string): string {
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  try {
    return execFileSync(process.execPath, [join(root, "node_modules/oxlint/bin/oxlint"), "--quiet", path], {
      cwd: directory,
      encoding: "utf8",
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(path);
  }
}

const refused: readonly (readonly [string, string])[] = [
  ["util", "@millrace/proto"],
  ["proto", "@millrace/raft"],
  ["raft", "@millrace/util"],
  ["raft", "node:fs/promises"],
  ["storage", "@millrace/proto"],
  ["storage", "node:fs/promises"],
  ["multiraft", "@millrace/broker"],
  ["client", "@millrace/storage"],
  ["controller", "@millrace/broker"],
  ["broker", "@millrace/controller"],
  ["broker", "node:fs"],
  ["gateway", "@millrace/broker"],
  ["gateway", "@millrace/verifier"],
  ["verifier", "@millrace/client"],
  ["e2e", "@millrace/gateway"],
  ["gateway", "@millrace/client/src/router.ts"],
];

test.each(refused)("packages/%s may not import %s", (name, target) => {
  const output = lint(`packages/${name}/src/bad.ts`, `import { x } from "${target}";\nexport const y = x;\n`);
  expect(output).toContain("no-restricted-imports");
});

test.each(["raft", "storage", "multiraft", "controller", "broker", "client", "gateway"])(
  "packages/%s takes time and randomness from the world",
  (name) => {
    const output = lint(`packages/${name}/src/bad.ts`, "export const now = Date.now() + Math.random();\n");
    expect(output.match(/no-restricted-properties/g)).toHaveLength(2);
    expect(lint(`packages/${name}/src/bad.ts`, "setTimeout(() => {}, 1);\n")).toContain("no-restricted-globals");
  },
);

test("an import down the layers is allowed", () => {
  const output = lint("packages/broker/src/good.ts", `import { x } from "@millrace/raft";\nexport const y = x;\n`);
  expect(output).not.toContain("no-restricted");
});
