// Runs one life from the sources and prints its trace hash: another process, another heap, another order of compilation.
const { runLife } = await import("../life.ts");
setImmediate(() => console.log(runLife({ seed: process.argv[2], durationMs: 6_000 }).traceHash));
