// packages/docs/compatibility.md, from what the suites printed.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../../docs/compatibility.md", import.meta.url));

export function writeCompatibility(outcomes, version) {
  const lines = [
    "# Clients that were tried",
    "",
    "Made by `npm run interop -- --write`: real clients against a real three-zone cluster, and what each of them did. A client that is",
    `not here was not tried. The AWS SDK for JavaScript v3 is what the tests in \`packages/e2e\` use. Version ${version}.`,
    "",
  ];
  for (const { suite, outcome, checks } of outcomes) {
    lines.push(`## ${suite.client}: ${outcome}`, "");
    for (const check of checks) lines.push(`- ${check}`);
    if (checks.length > 0) lines.push("");
  }
  writeFileSync(FILE, `${lines.join("\n").trimEnd()}\n`);
}
