import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "@millrace/util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NotLeader } from "./errors.ts";
import { MemoryNetwork } from "./testing/memory-network.ts";
import { eventually, TestNode } from "./testing/test-node.ts";

const IDS = ["a", "b", "c"];
let directory: string;
let network: MemoryNetwork;
let nodes: TestNode[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-multiraft-"));
  network = new MemoryNetwork();
  nodes = [];
  for (const id of IDS) await start(id);
});

afterEach(async () => {
  for (const node of nodes) await node.stop();
  rmSync(directory, { recursive: true });
});

async function start(id: string): Promise<TestNode> {
  const node = await TestNode.start(id, join(directory, id), network.transport(id));
  nodes.push(node);
  network.connectAll();
  return node;
}

async function kill(id: string): Promise<void> {
  const node = nodes.find(({ nodeId }) => nodeId === id) as TestNode;
  nodes = nodes.filter((other) => other !== node);
  network.kill(id);
  await node.stop();
}

function leaderOf(groupId: number): TestNode | undefined {
  return nodes.find((node) => node.host.group(groupId)?.canPropose === true);
}

test("the preferred leader of a new group leads at once, and what it proposes is applied everywhere in order", async () => {
  for (const node of nodes) node.open(16, IDS, "b");
  await eventually(() => leaderOf(16) !== undefined, 1_500);
  expect(leaderOf(16)?.nodeId).toBe("b");
  const texts = Array.from({ length: 2_000 }, (_, i) => `entry ${i}`);
  for (const text of texts) leaderOf(16)?.host.group(16)?.propose(Buffer.from(text));
  await eventually(() => nodes.every((node) => node.applied(16).length === texts.length));
  for (const node of nodes) expect(node.applied(16)).toEqual(texts);
});

test("when a leader's process dies, another one leads within moments, and nothing that was applied is lost", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16) !== undefined);
  for (let i = 0; i < 300; i++)
    leaderOf(16)
      ?.host.group(16)
      ?.propose(Buffer.from(`entry ${i}`));
  await eventually(() => (leaderOf(16)?.applied(16).length ?? 0) === 300);
  const startedAt = performance.now();
  await kill("a");
  await eventually(() => leaderOf(16) !== undefined);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(leaderOf(16)?.applied(16)).toHaveLength(300);

  leaderOf(16)?.host.group(16)?.propose(Buffer.from("after"));
  const again = await start("a");
  again.open(16, IDS, "a");
  await eventually(() => again.applied(16).length === 301);
  expect(again.applied(16)).toEqual(leaderOf(16)?.applied(16));
});

test("a silent leader is replaced after an election time", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  network.cut("a", "b");
  network.cut("a", "c");
  await eventually(() => nodes.some(({ nodeId, host }) => nodeId !== "a" && host.group(16)?.canPropose === true));
  await eventually(() => nodes[0]?.host.group(16)?.role !== "leader");
  expect(nodes[0]?.machines.get(16)?.lostCount).toBe(1);
  network.heal();
  await eventually(() => nodes[0]?.host.group(16)?.leaderId !== undefined);
});

test("everything is there after all processes were stopped and started", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16) !== undefined);
  for (let i = 0; i < 120; i++)
    leaderOf(16)
      ?.host.group(16)
      ?.propose(Buffer.from(`entry ${i}`));
  await eventually(() => nodes.every((node) => node.applied(16).length === 120));
  for (const id of IDS) await kill(id);
  for (const id of IDS) (await start(id)).open(16, IDS, "a");
  await eventually(() => nodes.every((node) => node.applied(16).length === 120));
  await eventually(() => leaderOf(16) !== undefined);
});

test("a state machine that throws at entries from the disk ends its node, as at any others", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16) !== undefined);
  for (let i = 0; i < 30; i++)
    leaderOf(16)
      ?.host.group(16)
      ?.propose(Buffer.from(`entry ${i}`));
  await eventually(() => nodes.every((node) => node.applied(16).length === 30));
  // Its store goes first, so that no checkpoint is saved: what it applied it applies again.
  await nodes.find(({ nodeId }) => nodeId === "c")?.store.close();
  await kill("c");
  const again = await start("c");
  again.open(16, IDS, "a");
  const machine = again.machines.get(16);
  assert(machine !== undefined, "the group was opened");
  machine.apply = () => {
    throw new Error("not these");
  };
  await eventually(() => again.fatal.length > 0);
  expect(again.fatal.map(({ message }) => message)).toEqual(["not these"]);
});

test("a replica that was away while the log was truncated gets its new beginning, state included", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  await kill("c");
  const leader = leaderOf(16) as TestNode;
  for (let i = 0; i < 100; i++) leader.host.group(16)?.propose(Buffer.from(`entry ${i}`));
  await eventually(() => leader.applied(16).length === 100);
  const group = leader.host.group(16);
  group?.truncatePrefix(group.appliedIndex, leader.machines.get(16)?.checkpoint() as Buffer);
  for (let i = 100; i < 110; i++) leader.host.group(16)?.propose(Buffer.from(`entry ${i}`));
  const again = await start("c");
  again.open(16, IDS, "a");
  await eventually(() => again.applied(16).length === 110);
  expect(again.host.group(16)?.truncatedIndex).toBe(group?.truncatedIndex);
});

test("hundreds of idle groups send nothing", async () => {
  const count = 300;
  for (const node of nodes) for (let id = 16; id < 16 + count; id++) node.open(id, IDS, IDS[id % 3]);
  await eventually(() => Array.from({ length: count }, (_, i) => leaderOf(16 + i)).every((node) => node !== undefined));
  await eventually(() => nodes.every((node) => node.host.stats().activeGroups === 0));
  const before = network.framesSent;
  await new Promise((resolve) => setTimeout(resolve, 500)); // what is tested is that nothing happens meanwhile
  expect(network.framesSent).toBe(before);
  const leaders = nodes.map((node) => node.host.stats().leaders);
  expect(leaders).toEqual([100, 100, 100]);
  leaderOf(20)?.host.group(20)?.propose(Buffer.from("awake"));
  await eventually(() => nodes.every((node) => node.applied(20).length === 1));
});

test("a read barrier passes at the leader and nowhere else", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  const [a, b] = nodes as [TestNode, TestNode];
  a.host.group(16)?.propose(Buffer.from("x"));
  await a.host.group(16)?.readBarrier(AbortSignal.timeout(2_000));
  await expect(b.host.group(16)?.readBarrier(AbortSignal.timeout(2_000))).rejects.toThrow(NotLeader);
});

test("O03: all leaderships are handed over before a planned stop", async () => {
  for (const node of nodes) for (const id of [16, 17, 18]) node.open(id, IDS, "a");
  await eventually(() => [16, 17, 18].every((id) => leaderOf(id)?.nodeId === "a"));
  await nodes[0]?.host.transferAllLeadership(3_000);
  expect(nodes[0]?.host.stats().leaders).toBe(0);
  await eventually(() => [16, 17, 18].every((id) => leaderOf(id) !== undefined));
});

test("D08: a leader whose disk takes no more data gives its leaderships to who has room, and gets them back later", async () => {
  for (const node of nodes) for (const id of [16, 17]) node.open(id, IDS, "a");
  await eventually(() => [16, 17].every((id) => leaderOf(id)?.nodeId === "a"));
  const [a] = nodes as [TestNode];
  a.isFull = true;
  await eventually(() => [16, 17].every((id) => !["a", undefined].includes(leaderOf(id)?.nodeId)), 3_000);
  const before = leaderOf(16)?.applied(16).length ?? 0;
  leaderOf(16)?.host.group(16)?.propose(Buffer.from("goes on"));
  await eventually(() => leaderOf(16)?.applied(16).length === before + 1);
  a.isFull = false;
  await eventually(() => leaderOf(16)?.nodeId === "a", 15_000);
  expect(a.applied(16)).toContain("goes on");
}, 30_000);

test("O19: who is to lead gets to lead also while there is always something on its way", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  for (const node of nodes) node.host.group(16)?.preferLeader("b");
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      const group = leaderOf(16)?.host.group(16);
      for (let i = 0; i < 4; i++) group?.propose(Buffer.from("busy"));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  try {
    await eventually(() => leaderOf(16)?.nodeId === "b", 20_000);
  } finally {
    isOver = true;
    await load;
  }
}, 30_000);

test("a replica is replaced by another one, which is filled first", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  const group = nodes[0]?.host.group(16);
  for (let i = 0; i < 30; i++) group?.propose(Buffer.from(`entry ${i}`));
  const d = await start("d");
  d.open(16, []);
  await eventually(() => group?.proposeMembership({ voters: IDS, votersOutgoing: [], learners: ["d"] }) !== undefined);
  await eventually(() => d.applied(16).length === 30);
  await eventually(
    () => group?.proposeMembership({ voters: ["a", "b", "d"], votersOutgoing: [], learners: [] }) !== undefined,
  );
  await kill("c");
  await eventually(() => group?.propose(Buffer.from("with d")) !== undefined);
  await eventually(() => d.applied(16).length === 31);
});

test("a deleted group is gone from the disk, and a number that was never opened is no error", async () => {
  const [a] = nodes as [TestNode];
  a.open(16, ["a"]);
  await eventually(() => a.host.group(16)?.canPropose === true);
  await a.host.deleteGroup(16);
  await a.host.deleteGroup(999);
  expect([...a.store.groups()].map(({ groupId }) => groupId)).not.toContain(16);
  expect(a.host.group(16)).toBeUndefined();
});

test("a group that is deleted while it waits for its turn to be opened leaves nothing on the disk", async () => {
  const [a] = nodes as [TestNode];
  const ids = [16, 17, 18, 19, 20, 21, 22];
  for (const id of ids) a.open(id, ["b", "c"]);
  await a.host.deleteGroup(21);
  await eventually(() => a.store.summary(22) !== undefined);
  expect(ids.filter((id) => a.store.summary(id) === undefined)).toEqual([21]);
});

test("D06: entries that rot on a disk are had again from the peers, also by a leader that has to send them", async () => {
  for (const node of nodes) node.open(16, IDS, "a");
  await eventually(() => leaderOf(16)?.nodeId === "a");
  for (let i = 0; i < 300; i++)
    leaderOf(16)
      ?.host.group(16)
      ?.propose(Buffer.from(`entry ${i};`));
  await eventually(() => nodes.every((node) => node.applied(16).length === 300));
  await kill("a");
  for (const entry of ["entry 7;", "entry 8;", "entry 150;"]) rot(join(directory, "a", "journal"), entry);
  const a = await start("a");
  const group = a.open(16, IDS, "a");
  await eventually(() => group.leaderId !== undefined);
  group.transferLeadership("a");
  await eventually(() => {
    leaderOf(16)?.host.group(16)?.transferLeadership("a");
    return leaderOf(16) === a;
  });
  await expect(a.store.read(16, 1, 301, { bytesMax: 1e6 })).rejects.toThrow("corrupt entry");

  const d = await start("d");
  d.open(16, []);
  await eventually(() => group.proposeMembership({ voters: IDS, votersOutgoing: [], learners: ["d"] }) !== undefined);
  await eventually(() => d.applied(16).length === 300);
  expect(d.applied(16)).toEqual(Array.from({ length: 300 }, (_, i) => `entry ${i};`));
  expect(await a.store.read(16, 1, 301, { bytesMax: 1e6 })).toHaveLength(301);

  for (const { nodeId } of [...nodes]) await kill(nodeId);
  const alone = await start("a");
  const texts = (await alone.store.read(16, 1, 301, { bytesMax: 1e6 })).map(({ payload }) => payload.toString());
  expect(texts).toContain("entry 8;");
});

/** Changes one bit of the first journal file that holds `text`. */
function rot(journal: string, text: string): void {
  for (const name of readdirSync(journal)) {
    const bytes = readFileSync(join(journal, name));
    const at = bytes.indexOf(text);
    if (at === -1) continue;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(journal, name), bytes);
    return;
  }
  throw new Error(`${text} is nowhere`);
}
