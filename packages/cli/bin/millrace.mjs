#!/usr/bin/env node
import { existsSync } from "node:fs";
const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error(
    "Millrace is not built yet: run `npm start` (or `npm install && npm run build`) in the checkout first.",
  );
  process.exit(1);
}
await import(main.href);
