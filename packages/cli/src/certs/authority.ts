import "reflect-metadata"; // before x509, which needs it to be there
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Clocks differ: a certificate counts from a little before it is made. */
const BACKDATE_MS = 10 * 60_000;
const SERIAL_SIZE_BYTES = 16;

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

/** PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** Nodes serve and call; operators only call, so that nobody takes one of them for a node. */
export type Holder =
  | { readonly kind: "node"; readonly name: string; readonly hosts: readonly string[] }
  | { readonly kind: "operator"; readonly name: string };

/** A cluster's own authority: it signs certificates of nodes and operators and nothing else. */
export async function makeAuthority(nowMs: number): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // A name of its own each time: of two authorities with one name, OpenSSL tries only the first.
    name: `CN=millrace cluster authority ${randomBytes(4).toString("hex")}`,
    ...validity(nowMs, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
}

export async function issue(authority: Issued, holder: Holder, nowMs: number, days: number): Promise<Issued> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importKey(authority.key);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [holder.name] }, { OU: [holder.kind] }],
    issuer: issuer.subject,
    ...validity(nowMs, days),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(holder.kind === "node" ? [serverAuth, clientAuth] : [clientAuth]),
      ...(holder.kind === "node" ? [new x509.SubjectAlternativeNameExtension(holder.hosts.map(alternativeName))] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
}

function alternativeName(host: string): x509.JsonGeneralName {
  return isIP(host) === 0 ? { type: "dns", value: host } : { type: "ip", value: host };
}

function validity(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

/** Positive, as a serial number must be. */
function serialNumber(): string {
  return `01${randomBytes(SERIAL_SIZE_BYTES - 1).toString("hex")}`;
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(bytes, "PRIVATE KEY")}\n`;
}

async function importKey(text: string): Promise<webcrypto.CryptoKey> {
  const [bytes] = x509.PemConverter.decode(text);
  if (bytes === undefined) throw new Error("no private key in the file");
  return webcrypto.subtle.importKey("pkcs8", bytes, ALGORITHM, true, ["sign"]);
}
