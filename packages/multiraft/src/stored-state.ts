import { type ConfigEntry, decodeMembership, encodeMembership, type Membership } from "@millrace/raft";

/**
 * What the host keeps beside a state machine's own state, in front of it: the membership as of the same index, and for a
 * checkpoint the config entries that the log holds up to it.
 *
 * u8 version · u32 size · JSON · the machine's state
 */
const VERSION = 1;
const PREFIX_SIZE_BYTES = 5;

/** Of who joins a group and was told of no members. */
const NOBODY: Membership = { voters: [], votersOutgoing: [], learners: [] };

export interface StoredState {
  readonly membership: Membership;
  readonly configEntries: readonly ConfigEntry[];
  readonly machine: Buffer;
  /** Of this node alone: by which joining its log is to make it a member. Never sent; absent in older files, and when there is none. */
  readonly joinId?: number;
}

export function encodeStoredState({ membership, configEntries, machine, joinId = 0 }: StoredState): Buffer {
  const head = Buffer.from(
    JSON.stringify({
      membership: membership.voters.length === 0 ? "" : encodeMembership(membership).toString(),
      configEntries: configEntries.map(({ index, payload }) => [index, payload.toString()]),
      ...(joinId === 0 ? {} : { joinId }),
    }),
  );
  const prefix = Buffer.allocUnsafe(PREFIX_SIZE_BYTES);
  prefix[0] = VERSION;
  prefix.writeUInt32LE(head.length, 1);
  return Buffer.concat([prefix, head, machine]);
}

/** @throws Error on anything else: the disk's checksums held, so it is another version's or our own mistake. */
export function decodeStoredState(bytes: Buffer): StoredState {
  if (bytes[0] !== VERSION) throw new Error(`unknown version ${bytes[0]} of a group's stored state`);
  const end = PREFIX_SIZE_BYTES + bytes.readUInt32LE(1);
  const head = JSON.parse(bytes.toString("utf8", PREFIX_SIZE_BYTES, end)) as {
    membership: string;
    configEntries: [number, string][];
    joinId?: number;
  };
  const membership = head.membership === "" ? NOBODY : decodeMembership(Buffer.from(head.membership));
  if (membership === undefined) throw new Error("a group's stored state has no membership");
  return {
    membership,
    configEntries: head.configEntries.map(([index, payload]) => ({ index, payload: Buffer.from(payload) })),
    machine: bytes.subarray(end),
    ...(head.joinId === undefined ? {} : { joinId: head.joinId }),
  };
}

/** The same with another joining's number, or with none. */
export function withJoinId(bytes: Buffer, joinId: number): Buffer {
  const state = decodeStoredState(bytes);
  return (state.joinId ?? 0) === joinId ? bytes : encodeStoredState({ ...state, joinId });
}
