import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const HOST = "127.0.0.1";

/** Below what kernels give to outgoing connections, so that none of those holds a node's port when it starts again. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 200;

/**
 * The wanted port when it is free (data folders keep their ports over a restart), else a random free one: two clusters that
 * start at the same moment would both be told that the kernel's next one is free.
 */
export async function claimPort(wanted: number | undefined, taken: Set<number>): Promise<number> {
  if (wanted !== undefined && !taken.has(wanted) && (await isPortFree(wanted))) {
    taken.add(wanted);
    return wanted;
  }
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (taken.has(port) || !(await isPortFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error("no free TCP port on loopback");
}

/** For tests and benches that start a server themselves. */
export function freePort(): Promise<number> {
  return claimPort(undefined, new Set());
}

/** Whether it could be bound on loopback just now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
