import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** One after another: Node's own way spins for ever, deaf to signals, where a folder that is there takes no new one (`/proc`). */
export function makeFolders(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process of the cluster was quicker.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  // Refuses what is there and is no folder.
  mkdirSync(path, { recursive: true });
}
