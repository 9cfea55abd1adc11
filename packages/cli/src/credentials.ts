import { readFileSync } from "node:fs";
import type { Logger } from "@millrace/util";
import { watchFiles } from "./watch-files.ts";

/** Access keys of a credentials file: a JSON list of {accessKeyId, secretAccessKey, sessionToken?, accountId?}. */
export interface Credential {
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** 12 digits: whose streams this key sees. */
  readonly accountId?: string;
}

export interface CredentialsProvider {
  secretFor(accessKeyId: string): Credential | undefined;
}

/**
 * Reads the file now (an unreadable one stops the start) and again when it changes, so that keys rotate without a
 * restart. A later broken version is logged and the last good one stays.
 */
export function watchCredentials(path: string, logger: Logger): CredentialsProvider {
  let keys = readCredentials(path);
  const take = (): { keys: number } => {
    keys = readCredentials(path);
    return { keys: keys.size };
  };
  watchFiles({ paths: [path], logger, what: "credentials file", fields: { path }, take });
  return { secretFor: (accessKeyId) => keys.get(accessKeyId) };
}

/** @throws Error that says what is wrong with the file */
export function readCredentials(path: string): Map<string, Credential> {
  const parsed = parse(path, readFileSync(path, "utf8"));
  if (!Array.isArray(parsed)) throw new Error(`${path} must hold a JSON list of access keys`);
  const keys = new Map<string, Credential>();
  for (const item of parsed as unknown[]) {
    const { accessKeyId, secretAccessKey, sessionToken, accountId } = (item ?? {}) as Record<string, unknown>;
    if (!isText(accessKeyId) || !isText(secretAccessKey)) {
      throw new Error(`${path}: each entry needs accessKeyId and secretAccessKey`);
    }
    if (accountId !== undefined && (typeof accountId !== "string" || !/^\d{12}$/.test(accountId))) {
      throw new Error(`${path}: accountId of ${accessKeyId} must be 12 digits`);
    }
    if (sessionToken !== undefined && typeof sessionToken !== "string") {
      throw new Error(`${path}: sessionToken of ${accessKeyId} must be text`);
    }
    if (keys.has(accessKeyId)) throw new Error(`${path}: ${accessKeyId} stands there twice`);
    keys.set(accessKeyId, {
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(accountId === undefined ? {} : { accountId }),
    });
  }
  return keys;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** The parser's own words are kept back: they quote what it stumbled over, which may be a secret, and end in the log. */
function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path} is not valid JSON`);
  }
}
