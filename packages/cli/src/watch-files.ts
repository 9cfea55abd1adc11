import { statSync } from "node:fs";
import { errorMessage, type Logger } from "@millrace/util";

const CHECK_EVERY_MS = 1_000;

export interface FilesWatch {
  readonly paths: readonly string[];
  readonly logger: Logger;
  /** What they are, for the log. */
  readonly what: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Takes up what is there now, and returns what the log should know of it. @throws Error when it is no good: the last good one stays */
  readonly take: () => Readonly<Record<string, unknown>>;
}

/**
 * Takes files up again when they change, so that keys and certificates are renewed without a restart. Files that are no good are said once,
 * not once a second, and tried until they are: half of a pair may be there, or none while somebody replaces them.
 * Returns what ends it.
 */
export function watchFiles({ paths, logger, what, fields = {}, take }: FilesWatch): () => void {
  let known = stampOf(paths);
  let complaint: string | undefined;
  const look = (): void => {
    const now = stampOf(paths);
    if (now === known && complaint === undefined) return;
    known = now;
    try {
      logger.info({ ...fields, ...take() }, `${what} read again`);
      complaint = undefined;
    } catch (error) {
      const message = errorMessage(error);
      if (message === complaint) return;
      complaint = message;
      logger.error({ ...fields, error: message }, `${what} not usable: the last good one stays`);
    }
  };
  const timer = setInterval(look, CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Another one whenever a file is written, replaced, or comes and goes; a Secret's volume in Kubernetes changes what a link points to. */
function stampOf(paths: readonly string[]): string {
  return paths.map(stampOfFile).join(" ");
}

function stampOfFile(path: string): string {
  try {
    const { mtimeMs, ctimeMs, ino, size } = statSync(path);
    return `${mtimeMs}/${ctimeMs}/${ino}/${size}`;
  } catch {
    return "none";
  }
}
