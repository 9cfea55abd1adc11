import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { errorMessage, type Logger } from "@millrace/util";
import { Gauge, type Registry } from "prom-client";
import { watchFiles } from "./watch-files.ts";

const EXPIRY_CHECK_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** Left of a certificate that should have been renewed by now. */
const SOON_MS = 7 * DAY_MS;

export interface TlsFiles {
  /** PEM: the certificate and those that it hangs on. */
  readonly certificate: string;
  readonly key: string;
  /** PEM: whom to trust. */
  readonly ca?: string;
}

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** @throws Error when the files do not belong together */
export function readTls({ certificate, key, ca }: TlsFiles): TlsMaterial {
  const material = {
    cert: readFileSync(certificate, "utf8"),
    key: readFileSync(key, "utf8"),
    ...(ca === undefined ? {} : { ca: readFileSync(ca, "utf8") }),
  };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`${certificate} and ${key}: ${errorMessage(error)}`, { cause: error });
  }
  return material;
}

export interface TlsWatch {
  readonly files: TlsFiles;
  readonly logger: Logger;
  /** What speaks it, for people and metrics. */
  readonly use: "endpoint" | "nodes";
  readonly expiry: CertificateExpiry;
  readonly changed: (material: TlsMaterial) => void;
}

/** Tells of new material, so that certificates are renewed without a restart, and says when nobody renewed them in time. */
export function watchTls({ files, logger, use, expiry, changed }: TlsWatch): void {
  const { certificate, key, ca } = files;
  const warn = warnOnce(certificate, use, logger);
  let expiresAtMs = 0;
  const note = (material: TlsMaterial): void => {
    expiresAtMs = expiresAt(material);
    expiry.is(use, expiresAtMs);
    warn(expiresAtMs);
  };
  note(readTls(files));
  const take = (): { certificate: string } => {
    const material = readTls(files);
    changed(material);
    note(material);
    return { certificate };
  };
  watchFiles({
    paths: [certificate, key, ...(ca === undefined ? [] : [ca])],
    logger,
    what: "certificate",
    fields: { use },
    take,
  });
  setInterval(() => warn(expiresAtMs), EXPIRY_CHECK_EVERY_MS).unref();
}

function expiresAt({ cert }: TlsMaterial): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

/** One line when a certificate is about to expire and one when it has, not one a second. */
function warnOnce(certificate: string, use: string, logger: Logger): (expiresAtMs: number) => void {
  let said = "";
  return (expiresAtMs) => {
    const leftMs = expiresAtMs - Date.now();
    const state = leftMs <= 0 ? "expired" : leftMs < SOON_MS ? "soon" : "good";
    const about = `${state} ${expiresAtMs}`;
    if (about === said) return;
    said = about;
    const expires = new Date(expiresAtMs).toISOString();
    const fields = { certificate, use, expires };
    if (state === "expired") logger.error(fields, "CERTIFICATE EXPIRED: nobody accepts it; renew the file, no restart");
    if (state === "soon") logger.warn(fields, "certificate expires in less than a week: renew the file, no restart");
  };
}

export interface CertificateExpiry {
  is(use: TlsWatch["use"], expiresAtMs: number): void;
}

export function certificateExpiry(registry: Registry): CertificateExpiry {
  const gauge = new Gauge({
    name: "millrace_certificate_expiry_timestamp_seconds",
    help: "When this process's certificate expires, of the Kinesis endpoint and between nodes. Near: renew its files.",
    labelNames: ["use"],
    registers: [registry],
  });
  return { is: (use, expiresAtMs) => gauge.set({ use }, expiresAtMs / 1_000) };
}
