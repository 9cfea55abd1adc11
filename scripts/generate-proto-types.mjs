// Generates the TypeScript types of the gRPC services from proto/ with proto-loader's own generator.
// `--check` fails when the checked-in types are stale.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "packages/proto/src/generated");
const check = process.argv.includes("--check");
const outDir = check ? mkdtempSync(join(tmpdir(), "millrace-proto-")) : target;
const protoDir = join(root, "proto");

function filesBelow(directory) {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

if (!check) rmSync(target, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    join(root, "node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js"),
    "--longs=Number",
    "--enums=String",
    "--defaults",
    "--arrays",
    "--objects",
    "--oneofs",
    "--keepCase=false",
    "--grpcLib=@grpc/grpc-js",
    "--targetFileExtension=.ts",
    "--importFileExtension=.ts",
    `--includeDirs=${protoDir}`,
    `--outDir=${outDir}`,
    ...filesBelow(protoDir)
      .filter((f) => f.endsWith(".proto"))
      .map((f) => relative(protoDir, f))
      .sort(),
  ],
  { stdio: ["ignore", "ignore", "inherit"], cwd: protoDir },
);
// The generator knows nothing of `verbatimModuleSyntax`; its Buffer and Long names must resolve under strict.
for (const file of filesBelow(outDir)) {
  const text = readFileSync(file, "utf8");
  const typed = text.replace(/^import \{ ([^}]*) \} from '(\.[^']*)'/gm, "import type { $1 } from '$2'");
  // The generator names its source by the path on the machine that it ran on.
  writeFileSync(file, typed.replaceAll(`${protoDir}/`, "proto/"));
}

if (check) {
  const stale = filesBelow(outDir).filter((file) => {
    try {
      return readFileSync(join(target, relative(outDir, file)), "utf8") !== readFileSync(file, "utf8");
    } catch {
      return true;
    }
  });
  rmSync(outDir, { recursive: true, force: true });
  if (stale.length > 0) {
    console.error(
      `generated types are stale, run npm run generate: ${stale.map((f) => relative(outDir, f)).join(", ")}`,
    );
    process.exit(1);
  }
}
