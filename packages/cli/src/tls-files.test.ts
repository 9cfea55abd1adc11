import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@millrace/util";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { issue, makeAuthority } from "./certs/authority.ts";
import { certificateExpiry, watchTls } from "./tls-files.ts";

const DAY_MS = 86_400_000;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-tls-files-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** What is logged of a certificate that has so many days left, and what the metric says. */
async function watched(daysLeft: number): Promise<{ lines: string[]; metric: string; expiresAtS: number }> {
  const days = 30;
  const nowMs = Date.now() - (days - daysLeft) * DAY_MS;
  const holder = { kind: "node", name: "node", hosts: ["localhost"] } as const;
  const { certificate, key } = await issue(await makeAuthority(nowMs), holder, nowMs, days);
  const files = { certificate: join(directory, "tls.crt"), key: join(directory, "tls.key") };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key);
  const lines: string[] = [];
  const note = (_fields: object, text: string): number => lines.push(text);
  const logger = { ...silentLogger, warn: note, error: note } as unknown as Logger;
  const registry = new Registry();
  watchTls({ files, logger, use: "nodes", expiry: certificateExpiry(registry), changed: () => undefined });
  return { lines, metric: await registry.metrics(), expiresAtS: Math.floor((nowMs + days * DAY_MS) / 1_000) };
}

test("S06: an expired certificate is one clear line in the log, and the metric says since when", async () => {
  const { lines, metric, expiresAtS } = await watched(-1);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("CERTIFICATE EXPIRED");
  expect(metric).toContain(`millrace_certificate_expiry_timestamp_seconds{use="nodes"} ${expiresAtS}`);
});

test("S06: a certificate that is about to expire is said once, a fresh one not at all", async () => {
  expect((await watched(3)).lines).toEqual([expect.stringContaining("less than a week")]);
  expect((await watched(20)).lines).toEqual([]);
});
