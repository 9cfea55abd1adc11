import { createServer } from "node:net";

const HOST = "127.0.0.1";

/** The wanted port when it is free (data folders keep their ports over a restart), else any free one. */
export async function claimPort(wanted: number | undefined, taken: Set<number>): Promise<number> {
  if (wanted !== undefined && !taken.has(wanted) && (await probe(wanted)) !== undefined) {
    taken.add(wanted);
    return wanted;
  }
  for (;;) {
    const port = await probe(0);
    if (port === undefined) throw new Error("no free TCP port on loopback");
    if (taken.has(port)) continue;
    taken.add(port);
    return port;
  }
}

/** The port that could be bound, or undefined. */
export function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, HOST, () => {
      const bound = server.address();
      const found = typeof bound === "object" && bound !== null ? bound.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
