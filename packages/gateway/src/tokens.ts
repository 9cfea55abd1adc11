/** Shard iterators and page tokens: sealed under the cluster's key, so that every gateway takes every other one's. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Random } from "@millrace/util";

const ALGORITHM = "aes-256-gcm";
const NONCE_SIZE_BYTES = 12;
const TAG_SIZE_BYTES = 16;
const KIND_ITERATOR = 1;
const KIND_PAGE = 2;
const ITERATOR_SIZE_BYTES = 29;

export const TOKEN_LIFETIME_MS = 300_000;

/** Where a reader stands. */
export interface IteratorPosition {
  readonly createdMs: number;
  readonly streamId: number;
  readonly shardNumber: number;
  /** The next record's offset; 0: the oldest there is. */
  readonly offset: number;
}

/** Where a listing goes on: `values` are the operation's own. */
export interface PagePosition {
  readonly createdMs: number;
  readonly operation: string;
  readonly values: Readonly<Record<string, string | number>>;
}

export class TokenSealer {
  readonly #key: Buffer;
  readonly #random: Random;

  constructor(key: Buffer, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  /** Never the same text twice, as Kinesis's are not. */
  sealIterator({ createdMs, streamId, shardNumber, offset }: IteratorPosition): string {
    const plain = Buffer.allocUnsafe(ITERATOR_SIZE_BYTES);
    plain[0] = KIND_ITERATOR;
    plain.writeDoubleLE(createdMs, 1);
    plain.writeDoubleLE(streamId, 9);
    plain.writeUInt32LE(shardNumber, 17);
    plain.writeDoubleLE(offset, 21);
    return this.#seal(plain);
  }

  /** Undefined: not one of ours. */
  openIterator(text: string): IteratorPosition | undefined {
    const plain = this.#open(text);
    if (plain === undefined || plain[0] !== KIND_ITERATOR || plain.length !== ITERATOR_SIZE_BYTES) return undefined;
    return {
      createdMs: plain.readDoubleLE(1),
      streamId: plain.readDoubleLE(9),
      shardNumber: plain.readUInt32LE(17),
      offset: plain.readDoubleLE(21),
    };
  }

  sealPage(position: PagePosition): string {
    return this.#seal(Buffer.concat([Buffer.from([KIND_PAGE]), Buffer.from(JSON.stringify(position))]));
  }

  openPage(text: string): PagePosition | undefined {
    const plain = this.#open(text);
    if (plain === undefined || plain[0] !== KIND_PAGE) return undefined;
    return JSON.parse(plain.toString("utf8", 1)) as PagePosition;
  }

  #seal(plain: Buffer): string {
    const nonce = this.#random.bytes(NONCE_SIZE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString("base64");
  }

  #open(text: string): Buffer | undefined {
    const bytes = Buffer.from(text, "base64");
    if (bytes.length <= NONCE_SIZE_BYTES + TAG_SIZE_BYTES || bytes.toString("base64") !== text) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#key, bytes.subarray(0, NONCE_SIZE_BYTES));
    decipher.setAuthTag(bytes.subarray(-TAG_SIZE_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_SIZE_BYTES, -TAG_SIZE_BYTES)), decipher.final()]);
    } catch {
      return undefined; // sealed by another cluster, or not sealed at all
    }
  }
}
