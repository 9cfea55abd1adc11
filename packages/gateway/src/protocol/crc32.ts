/** CRC-32 of IEEE 802.3, as in zlib, eight bytes a step ("slicing by 8"): Node 20 has none of its own. */

const TABLES: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    first[byte] = value >>> 0;
  }
  const tables = [first];
  for (let slice = 1; slice < 8; slice++) {
    const previous = tables[slice - 1] as Uint32Array;
    tables.push(previous.map((value) => ((value >>> 8) ^ (first[value & 0xff] as number)) >>> 0));
  }
  return tables;
}

export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = -1;
  let offset = 0;
  const at = (index: number): number => bytes[index] as number;
  for (const end = bytes.length - 7; offset < end; offset += 8) {
    crc ^= at(offset) | (at(offset + 1) << 8) | (at(offset + 2) << 16) | (at(offset + 3) << 24);
    crc =
      (t7[crc & 0xff] as number) ^
      (t6[(crc >>> 8) & 0xff] as number) ^
      (t5[(crc >>> 16) & 0xff] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[at(offset + 4)] as number) ^
      (t2[at(offset + 5)] as number) ^
      (t1[at(offset + 6)] as number) ^
      (t0[at(offset + 7)] as number);
  }
  for (; offset < bytes.length; offset++) crc = (crc >>> 8) ^ (t0[(crc ^ at(offset)) & 0xff] as number);
  return ~crc >>> 0;
}
