import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, freemem, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { errorMessage } from "@millrace/util";
import { clusterFileOf, type ClusterNode, processesOf } from "../launcher/cluster-file.ts";
import { clusterStatus } from "../status/cluster-status.ts";

const TIMEOUT_MS = 2_000;
const LOG_BYTES_MAX = 2_000_000;

/**
 * Gathers what somebody else needs to see what is wrong: status, metrics, readiness, the ends of the logs, the machine. No record and no
 * secret is in any of it. @returns the names of the files @throws Error in words for people
 */
export async function diagnose(dataDir: string, directory: string): Promise<string[]> {
  const file = clusterFileOf(dataDir);
  mkdirSync(directory, { recursive: true });
  const written: string[] = [];
  const put = (name: string, content: string): void => {
    writeFileSync(join(directory, name), content);
    written.push(name);
  };
  put("machine.json", `${JSON.stringify(machine(), undefined, 2)}\n`);
  put("cluster.json", `${JSON.stringify(file, undefined, 2)}\n`);
  put("status.json", `${JSON.stringify(await clusterStatus(dataDir), undefined, 2)}\n`);
  for (const node of processesOf(file)) {
    put(`${node.id}.metrics.txt`, await ask(node, "metrics"));
    put(`${node.id}.readyz.json`, await ask(node, "readyz"));
    const log = endOf(join(dataDir, "logs", `${node.id}.log`));
    if (log !== undefined) put(`${node.id}.log`, log);
  }
  return written;
}

function machine(): object {
  const [processor] = cpus();
  return {
    takenAt: new Date().toISOString(),
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    processors: cpus().length,
    processor: processor?.model,
    memoryMib: Math.round(totalmem() / 1_048_576),
    freeMemoryMib: Math.round(freemem() / 1_048_576),
  };
}

/** What is wrong is worth a file, too. */
async function ask({ adminAddress }: ClusterNode, path: string): Promise<string> {
  try {
    const response = await fetch(`http://${adminAddress}/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await response.text();
  } catch (error) {
    return `no answer: ${errorMessage(error)}\n`;
  }
}

function endOf(path: string): string | undefined {
  try {
    const text = readFileSync(path);
    return text.subarray(Math.max(0, text.length - LOG_BYTES_MAX)).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
