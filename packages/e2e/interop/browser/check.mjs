// The AWS SDK for JavaScript v3 in a browser: node check.mjs BROWSER http://127.0.0.1:4567. Serves a page from an origin of its own, opens
// it in a headless Chromium, and says what the page says.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [browser, endpoint] = process.argv.slice(2);
const TIMEOUT_MS = 60_000;

const manifest = fileURLToPath(new URL("../../package.json", import.meta.url));
console.log(`version ${JSON.parse(readFileSync(manifest, "utf8")).dependencies["@aws-sdk/client-kinesis"]}`);
const bundle = await build({
  entryPoints: [fileURLToPath(new URL("page.mjs", import.meta.url))],
  bundle: true,
  write: false,
  format: "esm",
  platform: "browser",
  logLevel: "error",
});
const script = bundle.outputFiles[0].contents;

let finish;
const finished = new Promise((resolve) => (finish = resolve));
const server = createServer((request, response) => {
  answer(request, response).catch((error) => finish(`FAILED ${error.stack}`));
});

async function answer(request, response) {
  const { pathname } = new URL(request.url, "http://page");
  if (pathname === "/line") {
    const line = await text(request);
    response.end();
    if (line === "end" || line.startsWith("FAILED")) finish(line);
    else console.log(line);
  } else if (pathname === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
  else if (pathname === "/") {
    response.setHeader("content-type", "text/html");
    response.end('<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>');
  } else response.writeHead(404).end();
}

server.listen(0, "127.0.0.1");
await once(server, "listening");
const profile = mkdtempSync(join(tmpdir(), "millrace-browser-"));
const url = `http://127.0.0.1:${server.address().port}/?endpoint=${encodeURIComponent(endpoint)}`;
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
const child = spawn(browser, [...flags, url], { stdio: "ignore" });
child.once("error", (error) => finish(`FAILED ${error.message}`));
child.once("exit", (code) => finish(`FAILED the browser ended, ${code}`));
const timer = setTimeout(() => finish(`FAILED no word from the page within ${TIMEOUT_MS} ms`), TIMEOUT_MS);
const outcome = await finished;
clearTimeout(timer);
if (child.exitCode === null) {
  child.kill();
  await once(child, "exit");
}
server.closeAllConnections();
server.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
if (outcome !== "end") console.log(outcome);
process.exit(outcome === "end" ? 0 : 1);
