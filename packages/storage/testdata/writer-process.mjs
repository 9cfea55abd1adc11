// Writes entries of several groups without end and says after each sync what is durable: `group index`. To be killed.
import { openLogStore } from "@millrace/storage";
import { realWorld } from "@millrace/util";
import { writeSync } from "node:fs";

const [directory, seedText] = process.argv.slice(2);
const GROUPS = 5;
const store = await openLogStore(realWorld(), {
  directory,
  attributesOf: () => undefined,
  segmentSizeBytes: 1024 * 1024,
  cacheSizeBytes: 256 * 1024,
  reservedFreeBytes: 0,
});
let random = Number(seedText) * 2654435761;
const below = (max) => (random = (Math.imul(random, 1103515245) + 12345) >>> 0) % max;
const last = new Map();
for (let group = 1; group <= GROUPS; group++) last.set(group, store.summary(group)?.lastIndex ?? 0);

/** The same bytes whoever makes them: the reader checks them. */
function payloadOf(group, index) {
  return Buffer.alloc(20 + ((index * 37) % 3000), `${group}/${index} `);
}

function write() {
  const group = 1 + below(GROUPS);
  const first = last.get(group) + 1;
  const count = 1 + below(4);
  last.set(group, first + count - 1);
  const entries = [];
  for (let index = first; index < first + count; index++) {
    entries.push({ index, term: 1, type: "data", payload: payloadOf(group, index) });
  }
  const hardState = { term: 1, votedFor: `node-${first}`, commitIndex: 0 };
  store.submit([{ groupId: group, hardState, entries }], () => {
    writeSync(1, `${group} ${first + count - 1}\n`);
    write();
  });
}
for (let writer = 0; writer < 8; writer++) write();
