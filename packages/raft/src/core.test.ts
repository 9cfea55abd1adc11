import { describe, expect, test } from "vitest";
import { seededRandom, TestCluster } from "./testing/test-cluster.ts";

const three = (): TestCluster => new TestCluster(["a", "b", "c"], seededRandom(7));

function elected(cluster: TestCluster, id: string): TestCluster {
  cluster.node(id).core.campaign();
  cluster.settle();
  expect(cluster.leader?.id).toBe(id);
  return cluster;
}

describe("elections", () => {
  test("a group without a leader gets one by itself", () => {
    const cluster = three();
    cluster.until(() => cluster.leader?.core.isTermCommitted === true);
    expect([...cluster.nodes.values()].map((node) => node.core.leaderId)).toEqual(Array(3).fill(cluster.leader?.id));
  });

  test("a node that nobody hears does not raise its term (pre-vote), and disturbs nobody when it returns", () => {
    const cluster = elected(three(), "a");
    cluster.isolate("c");
    for (let tick = 0; tick < 100; tick++) cluster.tick("c");
    cluster.settle();
    expect(cluster.node("c").core.term).toBe(1);
    cluster.heal();
    cluster.until(() => cluster.node("c").core.leaderId === "a");
    expect(cluster.leader?.core.term).toBe(1);
  });

  test("a leader that hears no majority steps down within two election times (check-quorum)", () => {
    const cluster = elected(three(), "a");
    cluster.isolate("a");
    for (let tick = 0; tick < 21; tick++) cluster.tick("a");
    expect(cluster.node("a").core.role).not.toBe("leader");
  });

  test("when the leader's connection closes, the first to notice leads without waiting for a time-out", () => {
    for (const order of [
      ["b", "c"],
      ["c", "b"],
    ] as const) {
      const cluster = elected(three(), "a");
      cluster.crash("a");
      for (const id of order) {
        cluster.node(id).core.peerDisconnected("a");
        cluster.pump(cluster.node(id));
      }
      cluster.settle();
      expect(cluster.leader?.core.isTermCommitted).toBe(true);
    }
  });

  test("one that asks before the other knows of the death gets its votes as soon as that one knows", () => {
    for (const [first, second] of [
      ["b", "c"],
      ["c", "b"],
    ] as const) {
      const cluster = elected(three(), "a");
      cluster.crash("a");
      cluster.node(first).core.peerDisconnected("a");
      cluster.settle(); // refused: the other still believes in its leader
      expect(cluster.leader).toBeUndefined();
      cluster.node(second).core.peerDisconnected("a");
      cluster.settle();
      expect(cluster.leader?.core.isTermCommitted).toBe(true);
    }
  });

  test("a follower with a live leader refuses a vote unless the leader itself asked for it", () => {
    const cluster = elected(three(), "a");
    expect(cluster.node("a").core.transferLeadership("b")).toBe(true);
    expect(cluster.propose("a", "during the transfer")).toBeUndefined();
    cluster.settle();
    expect(cluster.leader?.id).toBe("b");
    expect(cluster.leader?.core.term).toBe(2);
  });

  test("a vote is forgotten by nobody: a crash after it keeps it", () => {
    const cluster = three();
    cluster.deliver({ type: "vote", from: "b", to: "a", term: 5, lastIndex: 0, lastTerm: 0, force: false });
    cluster.crash("a");
    cluster.restart("a");
    cluster.inFlight.length = 0;
    cluster.deliver({ type: "vote", from: "c", to: "a", term: 5, lastIndex: 0, lastTerm: 0, force: false });
    expect(cluster.inFlight).toMatchObject([{ type: "voteResponse", to: "c", granted: false }]);
  });

  test("a log that ends in an older term, or earlier, gets no vote (5.4.1)", () => {
    const cluster = elected(three(), "a");
    cluster.propose("a", "x");
    cluster.settle();
    cluster.crash("a");
    cluster.node("b").core.peerDisconnected("a");
    cluster.pump(cluster.node("b"));
    cluster.inFlight.length = 0;
    cluster.deliver({ type: "preVote", from: "c", to: "b", term: 2, lastIndex: 1, lastTerm: 1, force: false });
    expect(cluster.inFlight).toMatchObject([{ type: "preVoteResponse", granted: false }]);
  });
});

describe("replication", () => {
  test("what a leader was given reaches every state machine in order", () => {
    const cluster = elected(three(), "a");
    const texts = Array.from({ length: 50 }, (_, i) => `v${i}`);
    for (const text of texts) cluster.propose("a", text);
    cluster.until(() => [...cluster.nodes.values()].every((node) => node.applied.length === 50));
    for (const node of cluster.nodes.values()) expect(node.applied).toEqual(texts);
  });

  test("an entry that only its leader's disk has gives way to the next leader's (5.3)", () => {
    const cluster = elected(three(), "a");
    cluster.isolate("a");
    cluster.propose("a", "lost");
    cluster.node("b").core.campaign();
    cluster.node("c").core.peerDisconnected("a");
    cluster.until(() => cluster.leader !== undefined && cluster.leader.id !== "a");
    cluster.propose(cluster.leader?.id ?? "", "kept");
    cluster.heal();
    cluster.until(() => [...cluster.nodes.values()].every((node) => node.applied.length === 1));
    for (const node of cluster.nodes.values()) expect(node.applied).toEqual(["kept"]);
  });

  test("a leader counts itself only for what its disk has", () => {
    const cluster = elected(three(), "a");
    const a = cluster.node("a");
    a.core.propose([{ type: "data", payload: Buffer.from("x") }]);
    cluster.pump(a, false);
    cluster.isolate("c");
    const before = a.core.commitIndex;
    while (cluster.inFlight.length > 0) {
      const message = cluster.inFlight.shift();
      if (message !== undefined) cluster.deliver(message, message.to !== "a");
    }
    expect(a.core.commitIndex).toBe(before);
    cluster.sync(a);
    cluster.pump(a);
    expect(a.core.commitIndex).toBe(before + 1);
  });

  test("an entry of an older term is not committed by counting (figure 8)", () => {
    const cluster = elected(new TestCluster(["a", "b", "c", "d", "e"], seededRandom(3)), "a");
    for (const id of ["c", "d", "e"]) cluster.cut("a", id);
    const index = cluster.propose("a", "old") as number;
    cluster.settle();
    cluster.crash("a");
    cluster.heal();
    // b has the entry, and leads: its own noop must be committed first.
    const b = cluster.node("b");
    b.core.peerDisconnected("a");
    for (const id of ["c", "d", "e"]) cluster.node(id).core.peerDisconnected("a");
    while (b.core.role !== "leader") {
      cluster.pump(b);
      const message = cluster.inFlight.shift();
      if (message !== undefined && message.type !== "append") cluster.deliver(message);
    }
    const appends = cluster.inFlight.filter((message) => message.type === "append");
    expect(appends.length).toBeGreaterThan(0);
    for (const id of ["c", "d"]) {
      b.core.step({
        type: "appendResponse",
        from: id,
        to: "b",
        term: b.core.term,
        success: true,
        index,
        hintIndex: 0,
        hintTerm: 0,
      });
    }
    expect(b.core.commitIndex).toBeLessThan(index);
    for (const id of ["c", "d"]) {
      b.core.step({
        type: "appendResponse",
        from: id,
        to: "b",
        term: b.core.term,
        success: true,
        index: index + 1,
        hintIndex: 0,
        hintTerm: 0,
      });
    }
    expect(b.core.commitIndex).toBe(index + 1);
  });

  test("a follower that lacks what was truncated away gets the log's new beginning", () => {
    const cluster = elected(three(), "a");
    cluster.crash("c");
    cluster.node("a").core.peerDisconnected("c");
    for (let i = 0; i < 20; i++) cluster.propose("a", `v${i}`);
    cluster.settle();
    cluster.truncate("a", 15);
    cluster.restart("c");
    cluster.until(() => cluster.node("c").appliedIndex === cluster.node("a").appliedIndex);
    expect(cluster.node("c").truncatedIndex).toBe(15);
    expect(cluster.node("c").applied).toEqual(cluster.node("a").applied.slice(-6));
  });
});

describe("reads", () => {
  test("are answered after a quorum has confirmed the leader", () => {
    const cluster = elected(three(), "a");
    const a = cluster.node("a");
    expect(a.core.readIndex(1)).toBe(true);
    cluster.pump(a);
    expect(a.reads).toEqual([]);
    a.core.readIndex(2);
    cluster.settle();
    expect(a.reads).toEqual([
      { requestId: 1, readIndex: a.core.commitIndex },
      { requestId: 2, readIndex: a.core.commitIndex },
    ]);
    expect(cluster.node("b").core.readIndex(3)).toBe(false);
  });

  test("of a leader that was deposed are dropped, not answered", () => {
    const cluster = elected(three(), "a");
    cluster.isolate("a");
    const a = cluster.node("a");
    a.core.readIndex(9);
    cluster.pump(a);
    a.core.step({
      type: "heartbeat",
      from: "b",
      to: "a",
      term: 5,
      commitIndex: 0,
      readContext: 0,
      quiesce: false,
      lastIndex: 0,
    });
    expect(a.core.ready().readsDropped).toEqual([9]);
    expect(a.reads).toEqual([]);
  });
});

describe("quiet", () => {
  const quiet = (cluster: TestCluster): boolean => [...cluster.nodes.values()].every((node) => node.core.isQuiet);

  test("falls over an idle group, and a proposal ends it", () => {
    const cluster = elected(three(), "a");
    cluster.until(() => quiet(cluster));
    for (let tick = 0; tick < 100; tick++) for (const id of cluster.nodes.keys()) cluster.tick(id);
    expect(cluster.inFlight).toEqual([]);
    cluster.propose("a", "x");
    cluster.settle();
    expect(cluster.node("a").applied).toEqual(["x"]);
    expect(cluster.leader?.core.term).toBe(1);
    cluster.until(() => quiet(cluster));
  });

  test("ends when the leader's node is gone, and with it gone falls again", () => {
    const cluster = elected(three(), "a");
    cluster.until(() => quiet(cluster));
    cluster.crash("a");
    for (const id of ["b", "c"]) cluster.node(id).core.peerDisconnected("a");
    cluster.settle();
    expect(cluster.leader?.id).not.toBe("a");
    cluster.until(() => ["b", "c"].every((id) => cluster.node(id).core.isQuiet));
    cluster.restart("a");
    cluster.until(() => quiet(cluster));
    expect(cluster.leader?.id).not.toBe("a");
  });
});

describe("membership", () => {
  test("a learner is filled, becomes a voter by joint consensus, and another one leaves", () => {
    const cluster = elected(three(), "a");
    for (let i = 0; i < 10; i++) cluster.propose("a", `v${i}`);
    cluster.settle();
    cluster.addNode("d", { voters: [], votersOutgoing: [], learners: [] });
    const { core } = cluster.node("a");
    expect(core.proposeMembership({ voters: ["a", "b", "c"], votersOutgoing: [], learners: ["d"] })).toBeDefined();
    cluster.pump(cluster.node("a"));
    cluster.until(() => cluster.node("d").applied.length === 10);
    expect(cluster.node("d").core.role).toBe("learner");
    expect(core.proposeMembership({ voters: ["a", "b", "d"], votersOutgoing: [], learners: [] })).toBeDefined();
    cluster.pump(cluster.node("a"));
    cluster.until(
      () => cluster.node("d").core.membership.voters.includes("d") && core.membership.votersOutgoing.length === 0,
    );
    expect(core.membership).toEqual({ voters: ["a", "b", "d"], votersOutgoing: [], learners: [] });
    cluster.crash("b");
    cluster.propose("a", "with d");
    cluster.settle();
    expect(cluster.node("a").applied.at(-1)).toBe("with d");
  });

  test("a second change waits until the first is through", () => {
    const cluster = elected(three(), "a");
    const { core } = cluster.node("a");
    expect(core.proposeMembership({ voters: ["a", "b"], votersOutgoing: [], learners: [] })).toBeDefined();
    expect(core.proposeMembership({ voters: ["a"], votersOutgoing: [], learners: [] })).toBeUndefined();
    cluster.settle();
    expect(core.proposeMembership({ voters: ["a"], votersOutgoing: [], learners: [] })).toBeDefined();
  });

  test("a leader that is no voter any more hands over by stepping down", () => {
    const cluster = elected(three(), "a");
    cluster.node("a").core.proposeMembership({ voters: ["b", "c"], votersOutgoing: [], learners: [] });
    cluster.settle();
    expect(cluster.node("a").core.role).not.toBe("leader");
    cluster.until(
      () => cluster.leader !== undefined && cluster.leader.id !== "a" && cluster.leader.core.isTermCommitted,
    );
  });
});

test("a single replica leads alone, once its vote is durable", () => {
  const cluster = new TestCluster(["a"], seededRandom(1));
  cluster.until(() => cluster.leader !== undefined);
  cluster.propose("a", "x");
  expect(cluster.node("a").applied).toEqual(["x"]);
});

describe("recovery from one replica", () => {
  /** `c` is what is left of three. Each has `x`; `c` has an entry of a leader that never heard that it is committed. */
  function survivor(): TestCluster {
    const cluster = elected(three(), "a");
    cluster.propose("a", "x");
    cluster.settle();
    cluster.cut("c", "a");
    cluster.cut("b", "a");
    cluster.propose("a", "y");
    cluster.settle();
    for (const id of ["a", "b"]) cluster.crash(id);
    cluster.heal();
    return cluster;
  }

  test("is refused while anybody leads", () => {
    const cluster = elected(three(), "a");
    for (const { core } of cluster.nodes.values()) expect(core.forceAlone()).toBe(false);
  });

  test("goes on with all that the replica has, in a term beyond the old one's", () => {
    const cluster = survivor();
    const c = cluster.node("c");
    cluster.until(() => c.core.leaderId === undefined);
    expect(c.core.forceAlone()).toBe(true);
    cluster.settle();
    expect(c.core.role).toBe("leader");
    expect(c.core.term).toBeGreaterThan(1_000);
    expect(c.core.membership).toEqual({ voters: ["c"], votersOutgoing: [], learners: [], fenced: ["a", "b"] });
    cluster.propose("c", "z");
    cluster.settle();
    expect(c.applied).toEqual(["x", "y", "z"]);
  });

  test("those who were given up are not heard, whatever term they come with, over restarts too", () => {
    const cluster = survivor();
    const c = cluster.node("c");
    cluster.until(() => c.core.leaderId === undefined);
    c.core.forceAlone();
    cluster.settle();
    const { term } = c.core;
    const vote = { from: "a", to: "c", term: term + 50, lastIndex: 99, lastTerm: term + 40, force: true };
    c.core.step({ type: "vote", ...vote });
    c.core.step({ type: "append", ...vote, prevIndex: 0, prevTerm: 0, commitIndex: 0, entries: [] });
    cluster.restart("a");
    for (let tick = 0; tick < 50; tick++) cluster.tick("a");
    cluster.settle();
    expect(c.core.role).toBe("leader");
    expect(c.core.term).toBe(term);
    cluster.crash("c");
    cluster.restart("c");
    cluster.until(() => cluster.node("c").core.role === "leader");
    expect(cluster.node("c").core.membership.fenced).toEqual(["a", "b"]);
  });

  test("new members join as ever, and one that was given up is heard again when it is made one", () => {
    const cluster = survivor();
    const c = cluster.node("c");
    cluster.until(() => c.core.leaderId === undefined);
    c.core.forceAlone();
    cluster.settle();
    const outside = { voters: ["c"], votersOutgoing: [], learners: [], fenced: ["a", "b"] };
    for (const id of ["a", "d"]) cluster.addNode(id, outside);
    c.core.proposeMembership({ voters: ["c"], votersOutgoing: [], learners: ["a", "d"] });
    cluster.until(() => cluster.node("d").applied.length === 2 && cluster.node("a").applied.length === 2);
    c.core.proposeMembership({ voters: ["a", "c", "d"], votersOutgoing: [], learners: [] });
    cluster.until(() => c.core.membership.voters.length === 3 && c.core.membership.votersOutgoing.length === 0);
    expect(c.core.membership.fenced).toEqual(["b"]);
    cluster.propose("c", "z");
    cluster.settle();
    cluster.until(() => cluster.node("a").applied.at(-1) === "z");
    cluster.checkLogs();
  });
});
