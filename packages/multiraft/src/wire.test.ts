import fc from "fast-check";
import { expect, test } from "vitest";
import type { GroupMessage, PeerMessage } from "./types.ts";
import { decodePeerFrame, encodePeerFrame, MalformedPeerFrame } from "./wire.ts";

const u64 = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
const nodes = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
const membership = nodes.map((voters) => ({ voters, votersOutgoing: [], learners: [] }));
const base = { from: fc.constant("a"), to: fc.constant("b"), term: u64 };

const vote = fc.record({
  ...base,
  type: fc.constantFrom("vote" as const, "preVote" as const),
  lastIndex: u64,
  lastTerm: u64,
  force: fc.boolean(),
});
const voteResponse = fc.record({
  ...base,
  type: fc.constantFrom("voteResponse" as const, "preVoteResponse" as const),
  granted: fc.boolean(),
});
const entryPart = fc.record({
  type: fc.constantFrom("noop" as const, "data" as const, "config" as const),
  term: u64,
  payload: bytes,
});
const append = fc
  .record({
    ...base,
    type: fc.constant("append" as const),
    prevIndex: fc.nat(),
    prevTerm: u64,
    commitIndex: u64,
    entries: fc.array(entryPart, { maxLength: 5 }),
  })
  .map((message) => ({
    ...message,
    entries: message.entries.map((entry, i) => ({ ...entry, index: message.prevIndex + 1 + i })),
  }));
const appendResponse = fc.record({
  ...base,
  type: fc.constant("appendResponse" as const),
  success: fc.boolean(),
  index: u64,
  hintIndex: u64,
  hintTerm: u64,
});
const heartbeat = fc.record({
  ...base,
  type: fc.constant("heartbeat" as const),
  commitIndex: u64,
  readContext: u64,
  quiesce: fc.boolean(),
  lastIndex: u64,
});
const heartbeatResponse = fc.record({
  ...base,
  type: fc.constant("heartbeatResponse" as const),
  readContext: u64,
  lastIndex: u64,
});
const snapshot = fc.record({
  ...base,
  type: fc.constant("snapshot" as const),
  index: u64,
  indexTerm: u64,
  membership,
  state: bytes,
});
const timeoutNow = fc.record({ ...base, type: fc.constant("timeoutNow" as const) });
/** From node to node, whoever leads. */
const peers = { from: fc.constant("a"), to: fc.constant("b"), index: u64 };
const fetchEntry = fc.record({ ...peers, type: fc.constant("fetchEntry" as const) });
const fetchedEntry = fc
  .record({ ...peers, type: fc.constant("fetchedEntry" as const), part: fc.option(entryPart) })
  .map(({ part, ...fetched }) => ({
    ...fetched,
    entry: part === null ? undefined : { ...part, index: fetched.index },
  }));
const fetchedState = fc.record({
  ...peers,
  type: fc.constant("fetchedState" as const),
  truncatedIndex: u64,
  truncatedTerm: u64,
  state: bytes,
});
const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  fetchEntry,
  fetchedEntry,
  fetchedState,
  vote,
  voteResponse,
  append,
  appendResponse,
  heartbeat,
  heartbeatResponse,
  snapshot,
  timeoutNow,
);
const frame: fc.Arbitrary<GroupMessage[]> = fc.array(fc.record({ groupId: u64, message }), { maxLength: 6 });

test("every message comes back as it was sent, many in a frame", () => {
  fc.assert(
    fc.property(frame, (messages) => {
      expect(decodePeerFrame(encodePeerFrame(messages).payload, "a", "b")).toEqual(messages);
    }),
  );
});

test("what is cut or garbled is refused or harmless, never anything else", () => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.nat(), fc.boolean(), (messages, at, value, cut) => {
      const whole = encodePeerFrame(messages).payload;
      const damaged = cut ? whole.subarray(0, at % (whole.length + 1)) : Buffer.from(whole);
      if (!cut) damaged[at % damaged.length] = value % 256;
      try {
        decodePeerFrame(damaged, "a", "b");
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedPeerFrame);
      }
    }),
    { numRuns: 500 },
  );
});
