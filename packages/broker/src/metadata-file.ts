import { join } from "node:path";
import { Controller, type MetadataUpdate, type MetadataUpdate__Output } from "@millrace/proto";
import { type Disk, readSmallFile, replaceSmallFile } from "@millrace/util";
import { crc32c } from "@node-rs/crc32";

/** "MRMD" · u32 CRC-32C of what follows, little-endian · MetadataUpdate. */
const FILE = "metadata.bin";
const MAGIC = Buffer.from("MRMD");
const HEADER_SIZE_BYTES = 8;
/** Of brokers before there was a checksum. */
const FORMER_FILE = "metadata.pb";

const { responseSerialize, responseDeserialize } = Controller.service.Watch;

/**
 * The metadata as last heard, so that the shards serve while no controller does. Undefined when there is none, or none that can be
 * trusted: a broker that believed a damaged file would drop replicas that it is to have. The controllers say it again.
 */
export async function loadMetadata(disk: Disk, directory: string): Promise<MetadataUpdate__Output | undefined> {
  const file = await readSmallFile(disk, join(directory, FILE));
  const bytes = file === undefined ? await readSmallFile(disk, join(directory, FORMER_FILE)) : contentsOf(file);
  if (bytes === undefined) return undefined;
  try {
    return responseDeserialize(bytes) as MetadataUpdate__Output;
  } catch {
    return undefined;
  }
}

function contentsOf(file: Buffer): Buffer | undefined {
  if (file.length < HEADER_SIZE_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const contents = file.subarray(HEADER_SIZE_BYTES);
  return crc32c(contents) === file.readUInt32LE(MAGIC.length) ? contents : undefined;
}

export async function saveMetadata(disk: Disk, directory: string, update: MetadataUpdate): Promise<void> {
  const contents = responseSerialize(update);
  const checksum = Buffer.alloc(HEADER_SIZE_BYTES - MAGIC.length);
  checksum.writeUInt32LE(crc32c(contents));
  await replaceSmallFile(disk, directory, FILE, Buffer.concat([MAGIC, checksum, contents]));
  // A broker of the version before, put back in this one's place, asks the controllers instead of believing what was long ago.
  if ((await disk.list(directory)).includes(FORMER_FILE)) await disk.remove(join(directory, FORMER_FILE));
}
