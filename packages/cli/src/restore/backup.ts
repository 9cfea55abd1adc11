import { renameSync, writeFileSync } from "node:fs";
import { encodeBackup } from "@millrace/controller";
import type { ControllersTarget } from "../controllers-of.ts";
import { withControllers } from "../reach-controllers.ts";

const TIMEOUT_MS = 10_000;

/** The metadata of a cluster that runs, in one file. @throws Error in words for people */
export async function backup(target: ControllersTarget, out: string, say: (line: string) => void): Promise<void> {
  await withControllers(target, async (controllers) => {
    const { clusterId, version, state } = await controllers.backup({ timeoutMs: TIMEOUT_MS });
    const bytes = encodeBackup({ clusterId, version, state: Buffer.from(state) }, new Date());
    // It has the key that seals iterators.
    writeFileSync(`${out}.new`, bytes, { mode: 0o600, flush: true });
    renameSync(`${out}.new`, out);
    say(`${out}: metadata of ${clusterId}, version ${version}, ${bytes.length} bytes`);
  });
}
