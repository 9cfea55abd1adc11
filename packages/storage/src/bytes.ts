/** 64-bit unsigned integers as JavaScript numbers (exact up to 2^53), little-endian in the journal, big-endian in keys. */

const TWO_POW_32 = 0x1_0000_0000;

export function writeU64(target: Buffer, value: number, offsetBytes: number): void {
  target.writeUInt32LE(value % TWO_POW_32, offsetBytes);
  target.writeUInt32LE(Math.floor(value / TWO_POW_32), offsetBytes + 4);
}

export function readU64(source: Buffer, offsetBytes: number): number {
  return source.readUInt32LE(offsetBytes + 4) * TWO_POW_32 + source.readUInt32LE(offsetBytes);
}

/** Big-endian, so that byte order is number order. */
export function writeKeyU64(target: Buffer, value: number, offsetBytes: number): void {
  target.writeUInt32BE(Math.floor(value / TWO_POW_32), offsetBytes);
  target.writeUInt32BE(value % TWO_POW_32, offsetBytes + 4);
}

export function readKeyU64(source: Buffer, offsetBytes: number): number {
  return source.readUInt32BE(offsetBytes) * TWO_POW_32 + source.readUInt32BE(offsetBytes + 4);
}
