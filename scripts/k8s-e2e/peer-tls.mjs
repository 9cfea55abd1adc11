// The secret of k8s/components/peer-tls, as an operator makes it who has no cert-manager: `millrace certs` with the names that the example
// for cert-manager lists, and the files it writes as a secret.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseObjects } from "./manifests.mjs";

const SECRET = "millrace-peer-tls";

/** @returns {object[]} nothing where no pod wants it */
export function peerTlsSecrets(root, objects) {
  if (!JSON.stringify(objects).includes(`"secretName":"${SECRET}"`)) return [];
  const example = readFileSync(join(root, "k8s/components/peer-tls/cert-manager.yaml"), "utf8");
  const { dnsNames } = parseObjects(example).find(({ metadata }) => metadata.name === SECRET).spec;
  const directory = mkdtempSync(join(tmpdir(), "millrace-certs-"));
  try {
    const program = join(root, "packages/cli/bin/millrace.mjs");
    execFileSync(process.execPath, [program, "certs", "--out", directory, "--node", `millrace=${dnsNames.join(",")}`]);
    const folder = join(directory, "millrace");
    const stringData = Object.fromEntries(
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
    );
    return [{ apiVersion: "v1", kind: "Secret", metadata: { name: SECRET, namespace: "millrace" }, stringData }];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
