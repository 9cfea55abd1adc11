// Prints what really ran: `node ci-summary.mjs REPORT.json LINT_STATUS TEST_STATUS`. A failed lint counts as a failure.
import { readFileSync } from "node:fs";

const [report, lintStatus, testStatus] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const results = JSON.parse(readFileSync(report, "utf8"));
  passed = results.numPassedTests;
  failed = results.numFailedTests;
  for (const suite of results.testResults) {
    // A file that could not even be loaded has no failed test of its own.
    if (suite.status === "failed" && !suite.assertionResults.some((test) => test.status === "failed")) failed++;
  }
} catch (error) {
  console.error(`no test report: ${error.message}`);
  failed++;
}
if (lintStatus !== "0") failed++;
if (testStatus !== "0" && failed === 0) failed++;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
