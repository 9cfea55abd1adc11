import { createHash } from "node:crypto";

/** What stands in front of a backup, on a line of its own, for people and programs. */
export interface BackupHeader {
  /** Of this form of file. */
  readonly millraceBackup: number;
  readonly createdAt: string;
  readonly clusterId: string;
  /** Of the metadata. */
  readonly version: number;
  readonly sizeBytes: number;
  /** Of what follows, in hexadecimal. */
  readonly sha256: string;
}

const FILE_VERSION = 1;
const HEADER_SIZE_BYTES_MAX = 4_096;

export interface Backup {
  readonly clusterId: string;
  readonly version: number;
  readonly state: Buffer;
}

/** A header in JSON, a line feed, the state as the controllers encode it. */
export function encodeBackup({ clusterId, version, state }: Backup, createdAt: Date): Buffer {
  const header: BackupHeader = {
    millraceBackup: FILE_VERSION,
    createdAt: createdAt.toISOString(),
    clusterId,
    version,
    sizeBytes: state.length,
    sha256: digestOf(state),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), state]);
}

/** @throws Error in words for people */
export function decodeBackup(bytes: Buffer): { header: BackupHeader; state: Buffer } {
  const end = bytes.subarray(0, HEADER_SIZE_BYTES_MAX).indexOf(0x0a);
  let header: BackupHeader;
  try {
    header = JSON.parse(bytes.toString("utf8", 0, Math.max(end, 0))) as BackupHeader;
  } catch (error) {
    throw new Error("it is no backup of millrace", { cause: error });
  }
  if (header.millraceBackup !== FILE_VERSION) {
    throw new Error(`it is a backup of version ${header.millraceBackup}; this program reads ${FILE_VERSION}`);
  }
  const state = bytes.subarray(end + 1);
  if (state.length !== header.sizeBytes) {
    throw new Error(`it is cut off: ${state.length} bytes of ${header.sizeBytes}`);
  }
  if (digestOf(state) !== header.sha256) throw new Error("it is damaged: its checksum is another one");
  return { header, state };
}

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
