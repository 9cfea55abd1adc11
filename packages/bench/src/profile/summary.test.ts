import { expect, test } from "vitest";
import { summarize } from "./summary.ts";

test("self time by function and by package, idle time apart", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("append", "file:///srv/packages/broker/dist/shard/log.js") },
      { id: 3, callFrame: frame("onread", "node:internal/stream") },
      { id: 4, callFrame: frame("write", "file:///srv/node_modules/@grpc/grpc-js/build/src/call.js") },
      { id: 5, callFrame: frame("writeBuffers") },
    ],
    samples: [1, 2, 3, 4, 2, 5],
    timeDeltas: [500, 100, 50, 25, 100, 225],
  };
  const { busyPercent, functions, packages } = summarize(profile);
  expect(busyPercent).toBe(50);
  expect(functions[0]).toEqual({ name: "writeBuffers  ", percent: 45 });
  expect(functions[1]).toEqual({ name: "append  broker/shard/log.js:10", percent: 40 });
  expect(packages).toEqual([
    { name: "native", percent: 45 },
    { name: "broker", percent: 40 },
    { name: "node", percent: 10 },
    { name: "@grpc/grpc-js", percent: 5 },
  ]);
});

test("an empty profile", () => {
  expect(summarize({ nodes: [] })).toEqual({ busyPercent: 0, functions: [], packages: [] });
});
