// `npm run bench`: builds what is not built, then measures. Options: npm run bench -- --help
import { ensureBuilt } from "./ensure-built.mjs";

await ensureBuilt();
await import("../packages/bench/dist/main.js");
