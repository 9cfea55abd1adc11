import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { errorMessage, type Logger } from "@millrace/util";

const CHECK_EVERY_MS = 1_000;

export interface TlsFiles {
  /** PEM: the certificate and those that it hangs on. */
  readonly certificate: string;
  readonly key: string;
}

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** @throws Error when the files do not belong together */
export function readTls({ certificate, key }: TlsFiles): TlsMaterial {
  const material = { cert: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new Error(`${certificate} and ${key}: ${errorMessage(error)}`, { cause: error });
  }
  return material;
}

/** Tells of new material, so that certificates are renewed without a restart. @returns what ends it */
export function watchTls(files: TlsFiles, logger: Logger, changed: (material: TlsMaterial) => void): () => void {
  const stampOf = (): string => `${statSync(files.certificate).mtimeMs} ${statSync(files.key).mtimeMs}`;
  let known = stampOf();
  const timer = setInterval(() => {
    try {
      const now = stampOf();
      if (now === known) return;
      known = now;
      changed(readTls(files));
      logger.info({ certificate: files.certificate }, "certificate read again");
    } catch (error) {
      // Half of a pair may be there: the next look sees the other half, for its time is another one.
      logger.error({ error: errorMessage(error) }, "certificate not usable: the last good one stays");
    }
  }, CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
