import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Holder, issue, type Issued, makeAuthority } from "./authority.ts";

export interface CertsOptions {
  readonly out: string;
  readonly days: number;
  readonly holders: readonly Holder[];
  /** `add`: a new authority beside the old one, trusted by all from now on; `drop`: the old one is trusted no more. */
  readonly authority: "keep" | "add" | "drop";
  readonly say: (line: string) => void;
}

/** For a cluster on one machine. */
export const LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "::1"];
const DEFAULT_HOLDERS: readonly Holder[] = [
  { kind: "node", name: "node", hosts: LOOPBACK_HOSTS },
  { kind: "operator", name: "operator" },
];

/**
 * A folder per holder with ca.crt, tls.crt and tls.key, as cert-manager's Secrets have them, and the authority's own beside them.
 * Run again it renews what is there. Files are replaced one by one, each whole: nodes take them up when a pair fits.
 */
export async function certs(options: CertsOptions): Promise<void> {
  const { out, days, authority, say } = options;
  mkdirSync(out, { recursive: true });
  const before = existing(out);
  if (authority !== "keep") {
    await changeAuthority(out, authority, before, say);
    return;
  }
  const made = await readAuthority(out, say);
  const holders = options.holders.length > 0 ? options.holders : before.length > 0 ? before : DEFAULT_HOLDERS;
  for (const holder of holders) {
    const { certificate, key } = await issue(made, holder, Date.now(), days);
    const directory = join(out, holder.name);
    mkdirSync(directory, { recursive: true });
    replaceFile(join(directory, "ca.crt"), readFileSync(join(out, "ca.crt"), "utf8"));
    replaceFile(join(directory, "tls.key"), key);
    replaceFile(join(directory, "tls.crt"), certificate);
    say(`${directory}: ${holder.kind}${holder.kind === "node" ? ` ${holder.hosts.join(", ")}` : ""}, ${days} days`);
  }
}

async function readAuthority(out: string, say: (line: string) => void): Promise<Issued> {
  const [certificatePath, keyPath] = [join(out, "ca.crt"), join(out, "ca.key")];
  if (!existsSync(keyPath)) {
    const made = await makeAuthority(Date.now());
    replaceFile(keyPath, made.key);
    replaceFile(certificatePath, made.certificate);
    say(`${certificatePath}: a new authority; keep ${keyPath} where no node is`);
    return made;
  }
  // The newest stands first.
  return { certificate: bundle(certificatePath)[0] ?? "", key: readFileSync(keyPath, "utf8") };
}

/** An authority is replaced in three steps, with time for every node to take the files up after each: add, sign again, drop. */
async function changeAuthority(
  out: string,
  change: "add" | "drop",
  holders: readonly Holder[],
  say: (line: string) => void,
): Promise<void> {
  const path = join(out, "ca.crt");
  const old = bundle(path);
  if (old.length === 0) throw new Error(`no authority in ${out} yet`);
  if (change === "drop" && old.length === 1) throw new Error(`${path} has one authority only: add one first`);
  let trusted = old.slice(0, 1);
  if (change === "add") {
    const { certificate, key } = await makeAuthority(Date.now());
    trusted = [certificate, ...old];
    replaceFile(join(out, "ca.key"), key);
  }
  if (change === "drop") {
    const newest = new X509Certificate(trusted[0] ?? "");
    for (const { name } of holders) {
      const leaf = new X509Certificate(readFileSync(join(out, name, "tls.crt")));
      if (!leaf.checkIssued(newest)) throw new Error(`${name} is signed by the old authority still: run certs first`);
    }
  }
  replaceFile(path, trusted.join(""));
  for (const { name } of holders) replaceFile(join(out, name, "ca.crt"), trusted.join(""));
  say(`${path}: ${trusted.length} ${trusted.length === 1 ? "authority" : "authorities"}, in every holder's folder too`);
}

/** Who has a certificate in the folder. */
function existing(out: string): Holder[] {
  const folders = readdirSync(out, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap(({ name }): Holder[] => {
    const path = join(out, name, "tls.crt");
    if (!existsSync(path)) return [];
    const { subjectAltName } = new X509Certificate(readFileSync(path));
    if (subjectAltName === undefined) return [{ kind: "operator", name }];
    const hosts = subjectAltName.split(", ").map((text) => text.slice(text.indexOf(":") + 1));
    return [{ kind: "node", name, hosts }];
  });
}

function bundle(path: string): string[] {
  if (!existsSync(path)) return [];
  const blocks = readFileSync(path, "utf8").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => `${block}\n`);
}

/** The old file or the new one, whole; keys are for their owner only. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: path.endsWith(".key") ? 0o600 : 0o644 });
  renameSync(`${path}.new`, path);
}
