/**
 * MD5 (RFC 1321) of a partition key, as four words. Kinesis routes by it; nothing here is about security. In plain
 * JavaScript, since a call into OpenSSL costs several times the hash of a short key.
 */

// Little-endian words, as MD5 has them and every platform of Node.
const block = new Int32Array(16);
const blockBytes = new Uint8Array(block.buffer);
const state = new Int32Array(4);

/**
 * Writes the hash of `bytes[start, start + length)` to `target[0..4)`: the 128-bit number that Kinesis sees in it, most
 * significant word first.
 */
export function md5Words(bytes: Uint8Array, start: number, length: number, target: Uint32Array): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89 | 0;
  state[2] = 0x98badcfe | 0;
  state[3] = 0x10325476;
  const end = start + length;
  let offset = start;
  for (; offset + 64 <= end; offset += 64) {
    for (let index = 0; index < 64; index++) blockBytes[index] = bytes[offset + index] as number;
    compress();
  }
  const rest = end - offset;
  for (let index = 0; index < rest; index++) blockBytes[index] = bytes[offset + index] as number;
  blockBytes[rest] = 0x80;
  for (let index = rest + 1; index < 64; index++) blockBytes[index] = 0;
  if (rest >= 56) {
    compress();
    block.fill(0);
  }
  block[14] = length << 3;
  block[15] = length >>> 29;
  compress();
  for (let word = 0; word < 4; word++) target[word] = swapBytes(state[word] as number);
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

// The four rounds of RFC 1321, section 3.4, unrolled.
// prettier-ignore
function compress(): void {
  let a = state[0] as number, b = state[1] as number, c = state[2] as number, d = state[3] as number;
  const m0 = block[0] as number, m1 = block[1] as number, m2 = block[2] as number, m3 = block[3] as number, m4 = block[4] as number, m5 = block[5] as number, m6 = block[6] as number, m7 = block[7] as number, m8 = block[8] as number, m9 = block[9] as number, m10 = block[10] as number, m11 = block[11] as number, m12 = block[12] as number, m13 = block[13] as number, m14 = block[14] as number, m15 = block[15] as number;
  a = (a + (((c ^ d) & b) ^ d) + m0 - 680876936) | 0; a = ((((a << 7) | (a >>> 25))) + b) | 0;
  d = (d + (((b ^ c) & a) ^ c) + m1 - 389564586) | 0; d = ((((d << 12) | (d >>> 20))) + a) | 0;
  c = (c + (((a ^ b) & d) ^ b) + m2 + 606105819) | 0; c = ((((c << 17) | (c >>> 15))) + d) | 0;
  b = (b + (((d ^ a) & c) ^ a) + m3 - 1044525330) | 0; b = ((((b << 22) | (b >>> 10))) + c) | 0;
  a = (a + (((c ^ d) & b) ^ d) + m4 - 176418897) | 0; a = ((((a << 7) | (a >>> 25))) + b) | 0;
  d = (d + (((b ^ c) & a) ^ c) + m5 + 1200080426) | 0; d = ((((d << 12) | (d >>> 20))) + a) | 0;
  c = (c + (((a ^ b) & d) ^ b) + m6 - 1473231341) | 0; c = ((((c << 17) | (c >>> 15))) + d) | 0;
  b = (b + (((d ^ a) & c) ^ a) + m7 - 45705983) | 0; b = ((((b << 22) | (b >>> 10))) + c) | 0;
  a = (a + (((c ^ d) & b) ^ d) + m8 + 1770035416) | 0; a = ((((a << 7) | (a >>> 25))) + b) | 0;
  d = (d + (((b ^ c) & a) ^ c) + m9 - 1958414417) | 0; d = ((((d << 12) | (d >>> 20))) + a) | 0;
  c = (c + (((a ^ b) & d) ^ b) + m10 - 42063) | 0; c = ((((c << 17) | (c >>> 15))) + d) | 0;
  b = (b + (((d ^ a) & c) ^ a) + m11 - 1990404162) | 0; b = ((((b << 22) | (b >>> 10))) + c) | 0;
  a = (a + (((c ^ d) & b) ^ d) + m12 + 1804603682) | 0; a = ((((a << 7) | (a >>> 25))) + b) | 0;
  d = (d + (((b ^ c) & a) ^ c) + m13 - 40341101) | 0; d = ((((d << 12) | (d >>> 20))) + a) | 0;
  c = (c + (((a ^ b) & d) ^ b) + m14 - 1502002290) | 0; c = ((((c << 17) | (c >>> 15))) + d) | 0;
  b = (b + (((d ^ a) & c) ^ a) + m15 + 1236535329) | 0; b = ((((b << 22) | (b >>> 10))) + c) | 0;
  a = (a + (((b ^ c) & d) ^ c) + m1 - 165796510) | 0; a = ((((a << 5) | (a >>> 27))) + b) | 0;
  d = (d + (((a ^ b) & c) ^ b) + m6 - 1069501632) | 0; d = ((((d << 9) | (d >>> 23))) + a) | 0;
  c = (c + (((d ^ a) & b) ^ a) + m11 + 643717713) | 0; c = ((((c << 14) | (c >>> 18))) + d) | 0;
  b = (b + (((c ^ d) & a) ^ d) + m0 - 373897302) | 0; b = ((((b << 20) | (b >>> 12))) + c) | 0;
  a = (a + (((b ^ c) & d) ^ c) + m5 - 701558691) | 0; a = ((((a << 5) | (a >>> 27))) + b) | 0;
  d = (d + (((a ^ b) & c) ^ b) + m10 + 38016083) | 0; d = ((((d << 9) | (d >>> 23))) + a) | 0;
  c = (c + (((d ^ a) & b) ^ a) + m15 - 660478335) | 0; c = ((((c << 14) | (c >>> 18))) + d) | 0;
  b = (b + (((c ^ d) & a) ^ d) + m4 - 405537848) | 0; b = ((((b << 20) | (b >>> 12))) + c) | 0;
  a = (a + (((b ^ c) & d) ^ c) + m9 + 568446438) | 0; a = ((((a << 5) | (a >>> 27))) + b) | 0;
  d = (d + (((a ^ b) & c) ^ b) + m14 - 1019803690) | 0; d = ((((d << 9) | (d >>> 23))) + a) | 0;
  c = (c + (((d ^ a) & b) ^ a) + m3 - 187363961) | 0; c = ((((c << 14) | (c >>> 18))) + d) | 0;
  b = (b + (((c ^ d) & a) ^ d) + m8 + 1163531501) | 0; b = ((((b << 20) | (b >>> 12))) + c) | 0;
  a = (a + (((b ^ c) & d) ^ c) + m13 - 1444681467) | 0; a = ((((a << 5) | (a >>> 27))) + b) | 0;
  d = (d + (((a ^ b) & c) ^ b) + m2 - 51403784) | 0; d = ((((d << 9) | (d >>> 23))) + a) | 0;
  c = (c + (((d ^ a) & b) ^ a) + m7 + 1735328473) | 0; c = ((((c << 14) | (c >>> 18))) + d) | 0;
  b = (b + (((c ^ d) & a) ^ d) + m12 - 1926607734) | 0; b = ((((b << 20) | (b >>> 12))) + c) | 0;
  a = (a + (b ^ c ^ d) + m5 - 378558) | 0; a = ((((a << 4) | (a >>> 28))) + b) | 0;
  d = (d + (a ^ b ^ c) + m8 - 2022574463) | 0; d = ((((d << 11) | (d >>> 21))) + a) | 0;
  c = (c + (d ^ a ^ b) + m11 + 1839030562) | 0; c = ((((c << 16) | (c >>> 16))) + d) | 0;
  b = (b + (c ^ d ^ a) + m14 - 35309556) | 0; b = ((((b << 23) | (b >>> 9))) + c) | 0;
  a = (a + (b ^ c ^ d) + m1 - 1530992060) | 0; a = ((((a << 4) | (a >>> 28))) + b) | 0;
  d = (d + (a ^ b ^ c) + m4 + 1272893353) | 0; d = ((((d << 11) | (d >>> 21))) + a) | 0;
  c = (c + (d ^ a ^ b) + m7 - 155497632) | 0; c = ((((c << 16) | (c >>> 16))) + d) | 0;
  b = (b + (c ^ d ^ a) + m10 - 1094730640) | 0; b = ((((b << 23) | (b >>> 9))) + c) | 0;
  a = (a + (b ^ c ^ d) + m13 + 681279174) | 0; a = ((((a << 4) | (a >>> 28))) + b) | 0;
  d = (d + (a ^ b ^ c) + m0 - 358537222) | 0; d = ((((d << 11) | (d >>> 21))) + a) | 0;
  c = (c + (d ^ a ^ b) + m3 - 722521979) | 0; c = ((((c << 16) | (c >>> 16))) + d) | 0;
  b = (b + (c ^ d ^ a) + m6 + 76029189) | 0; b = ((((b << 23) | (b >>> 9))) + c) | 0;
  a = (a + (b ^ c ^ d) + m9 - 640364487) | 0; a = ((((a << 4) | (a >>> 28))) + b) | 0;
  d = (d + (a ^ b ^ c) + m12 - 421815835) | 0; d = ((((d << 11) | (d >>> 21))) + a) | 0;
  c = (c + (d ^ a ^ b) + m15 + 530742520) | 0; c = ((((c << 16) | (c >>> 16))) + d) | 0;
  b = (b + (c ^ d ^ a) + m2 - 995338651) | 0; b = ((((b << 23) | (b >>> 9))) + c) | 0;
  a = (a + (c ^ (b | ~d)) + m0 - 198630844) | 0; a = ((((a << 6) | (a >>> 26))) + b) | 0;
  d = (d + (b ^ (a | ~c)) + m7 + 1126891415) | 0; d = ((((d << 10) | (d >>> 22))) + a) | 0;
  c = (c + (a ^ (d | ~b)) + m14 - 1416354905) | 0; c = ((((c << 15) | (c >>> 17))) + d) | 0;
  b = (b + (d ^ (c | ~a)) + m5 - 57434055) | 0; b = ((((b << 21) | (b >>> 11))) + c) | 0;
  a = (a + (c ^ (b | ~d)) + m12 + 1700485571) | 0; a = ((((a << 6) | (a >>> 26))) + b) | 0;
  d = (d + (b ^ (a | ~c)) + m3 - 1894986606) | 0; d = ((((d << 10) | (d >>> 22))) + a) | 0;
  c = (c + (a ^ (d | ~b)) + m10 - 1051523) | 0; c = ((((c << 15) | (c >>> 17))) + d) | 0;
  b = (b + (d ^ (c | ~a)) + m1 - 2054922799) | 0; b = ((((b << 21) | (b >>> 11))) + c) | 0;
  a = (a + (c ^ (b | ~d)) + m8 + 1873313359) | 0; a = ((((a << 6) | (a >>> 26))) + b) | 0;
  d = (d + (b ^ (a | ~c)) + m15 - 30611744) | 0; d = ((((d << 10) | (d >>> 22))) + a) | 0;
  c = (c + (a ^ (d | ~b)) + m6 - 1560198380) | 0; c = ((((c << 15) | (c >>> 17))) + d) | 0;
  b = (b + (d ^ (c | ~a)) + m13 + 1309151649) | 0; b = ((((b << 21) | (b >>> 11))) + c) | 0;
  a = (a + (c ^ (b | ~d)) + m4 - 145523070) | 0; a = ((((a << 6) | (a >>> 26))) + b) | 0;
  d = (d + (b ^ (a | ~c)) + m11 - 1120210379) | 0; d = ((((d << 10) | (d >>> 22))) + a) | 0;
  c = (c + (a ^ (d | ~b)) + m2 + 718787259) | 0; c = ((((c << 15) | (c >>> 17))) + d) | 0;
  b = (b + (d ^ (c | ~a)) + m9 - 343485551) | 0; b = ((((b << 21) | (b >>> 11))) + c) | 0;
  state[0] = ((state[0] as number) + a) | 0;
  state[1] = ((state[1] as number) + b) | 0;
  state[2] = ((state[2] as number) + c) | 0;
  state[3] = ((state[3] as number) + d) | 0;
}
