import { configDefaults, defineConfig } from "vitest/config";

/** Tests run from the sources (no build needed for a package's own tests); end-to-end tests start the built program. */
export default defineConfig({
  ssr: { resolve: { conditions: ["millrace-source", "node"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
    // Those that take minutes: `npm run long`.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env.MILLRACE_LONG === undefined ? ["packages/e2e/src/long/**"] : []),
    ],
    environment: "node",
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    sequence: { hooks: "stack" },
  },
});
