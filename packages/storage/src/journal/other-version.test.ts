/** A newer program has written here, and then an older one is started: it must not take what it cannot read for a torn tail. */
import { crc32c } from "@node-rs/crc32";
import { expect, test } from "vitest";
import { DIRECTORY, entries, TestMachine } from "../memory/test-machine.ts";
import { UnknownJournalVersion } from "../errors.ts";
import { FileWindow, scanGroup } from "./scan.ts";
import { JOURNAL_FORMAT_VERSION } from "./write-group.ts";

const PATH = `${DIRECTORY}/journal/0000000000000001.journal`;

/** A journal whose write groups from the `fromGroup`th on are of another version. */
async function journalOfTwoVersions(fromGroup: number): Promise<{ machine: TestMachine; bytes: Buffer }> {
  const machine = new TestMachine();
  const store = await machine.open();
  for (let index = 1; index <= 4; index++) await store.write([{ groupId: 1, entries: entries(index, index, 1) }]);
  await machine.clock.advance(2_000);
  machine.crash();
  const bytes = Buffer.from(machine.disk.contents(PATH));
  const window = new FileWindow(await machine.disk.mount().open(PATH, { create: false }));
  for (let at = 0, group = 0; at < bytes.length; group++) {
    const scanned = await scanGroup(window, at, 1, undefined, () => undefined);
    if (!scanned.valid) throw new Error(scanned.detail);
    if (group >= fromGroup) {
      bytes.writeUInt8(JOURNAL_FORMAT_VERSION + 1, at + 4);
      bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + 40)), at + 40);
    }
    at = scanned.endBytes;
  }
  machine.disk.setContents(PATH, bytes);
  return { machine, bytes };
}

test.each([0, 1, 3, 4])(
  "write groups of another version from the %sth on: the store does not open, and cuts nothing",
  async (from) => {
    const { machine, bytes } = await journalOfTwoVersions(from);
    // What an index knows is not looked through again: whoever writes another version of the journal has another index, too.
    await machine.destroyIndex();
    await expect(machine.open()).rejects.toThrow(UnknownJournalVersion);
    expect(machine.disk.contents(PATH).equals(bytes)).toBe(true);
  },
);
