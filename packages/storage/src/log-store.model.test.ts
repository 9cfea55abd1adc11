/** The store against an array of entries, whatever crashes between: with torn writes, a forgetful index, compaction. */
import fc from "fast-check";
import { test } from "vitest";
import { assert, type World } from "@millrace/util";
import type { Entry, HardState } from "@millrace/raft";
import type { GroupWrite, LogStore } from "./log-store.ts";
import { ManualClock, seededRandom } from "./memory/manual-clock.ts";
import { MemoryDisk } from "./memory/memory-disk.ts";
import { MemoryIndexes } from "./memory/memory-index.ts";
import { openLogStore } from "./open-log-store.ts";

interface ModelGroup {
  hardState: HardState;
  truncatedIndex: number;
  truncatedTerm: number;
  state: string;
  entries: Entry[];
}
type Model = ReadonlyMap<number, ModelGroup>;

const READ_ALL = { bytesMax: Number.MAX_SAFE_INTEGER };
const DIRECTORY = "/data";

/** The store on a machine that can crash, and what it should hold. */
class Machine {
  readonly disk = new MemoryDisk();
  readonly indexes = new MemoryIndexes();
  readonly random = seededRandom(1);
  clock = new ManualClock();
  store!: LogStore;
  boot = 0;
  readonly backgroundErrors: unknown[] = [];
  term = 1;
  /** With everything submitted. */
  model: Model = new Map();
  acknowledged: Model = new Map();
  /** Submitted and not acknowledged: the model after each. */
  pending: Model[] = [];

  async open(): Promise<void> {
    const boot = ++this.boot;
    this.clock = new ManualClock();
    const world: World = { clock: this.clock, random: this.random, disk: this.disk.mount() };
    this.store = await openLogStore(
      world,
      {
        directory: DIRECTORY,
        attributesOf: ({ type, index }) => (type === "data" ? { offset: index * 10, timeMs: index * 100 } : undefined),
        segmentSizeBytes: 3_000,
        cacheSizeBytes: 2_000,
        reservedFreeBytes: 0,
      },
      {
        index: this.indexes,
        reclaim: { ageMs: 0, liveFractionMax: 0.7, bytesPerSecond: 1e9 },
        onBackgroundError: (error) => {
          if (boot === this.boot) this.backgroundErrors.push(error);
        },
      },
    );
  }

  submit(parts: readonly GroupWrite[]): void {
    this.model = applied(this.model, parts);
    this.pending.push(this.model);
    const { boot } = this;
    this.store.submit(parts, () => {
      if (boot !== this.boot) return;
      this.acknowledged = this.pending.shift() as Model;
    });
  }

  async flush(): Promise<void> {
    await this.clock.advance(0);
    assert(this.pending.length === 0, "everything submitted is acknowledged once the disk has had its time");
  }

  async verify(): Promise<void> {
    if (this.backgroundErrors.length > 0) throw this.backgroundErrors[0];
    const actual = await contentsOf(this.store, this.model);
    const expected = serialize(this.model);
    assert(actual === expected, `the store differs from the model:\n${actual}\n${expected}`);
  }

  /** After a crash: all that was acknowledged, and of the rest a beginning, each write whole. */
  async recover(): Promise<void> {
    await this.open();
    const recovered: Model = new Map(
      [...this.store.groups()].map((group) => [
        group.groupId,
        {
          hardState: group.hardState,
          truncatedIndex: group.log.truncatedIndex,
          truncatedTerm: group.log.truncatedTerm,
          state: group.truncationState.toString(),
          entries: [],
        },
      ]),
    );
    for (const [groupId, group] of recovered) {
      const last = this.store.summary(groupId)?.lastIndex ?? 0;
      if (last > group.truncatedIndex) {
        group.entries.push(...(await this.store.read(groupId, group.truncatedIndex + 1, last, READ_ALL)));
      }
    }
    const candidates = [this.acknowledged, ...this.pending];
    const actual = serialize(recovered);
    const found = candidates.find((candidate) => serialize(candidate) === actual);
    assert(found !== undefined, `not a state that was submitted since:\n${actual}\n${serialize(this.acknowledged)}`);
    this.model = found;
    this.acknowledged = found;
    this.pending = [];
  }
}

function applied(model: Model, parts: readonly GroupWrite[]): Model {
  const next = new Map([...model].map(([id, group]) => [id, { ...group, entries: [...group.entries] }]));
  for (const part of parts) {
    if (part.deleteGroup === true) {
      next.delete(part.groupId);
      continue;
    }
    const group = next.get(part.groupId) ?? {
      hardState: { term: 0, votedFor: undefined, commitIndex: 0 },
      truncatedIndex: 0,
      truncatedTerm: 0,
      state: "",
      entries: [],
    };
    next.set(part.groupId, group);
    if (part.truncatePrefix !== undefined) {
      const { index, term, state, reset } = part.truncatePrefix;
      group.entries = reset ? [] : group.entries.filter((entry) => entry.index > index);
      Object.assign(group, { truncatedIndex: index, truncatedTerm: term, state: state.toString() });
    }
    if (part.hardState !== undefined) group.hardState = part.hardState;
    for (const entry of part.entries ?? []) {
      group.entries = [...group.entries.filter((one) => one.index < entry.index), entry];
    }
  }
  return next;
}

function serialize(model: Model): string {
  const groups = [...model].sort(([a], [b]) => a - b);
  return JSON.stringify(
    groups.map(([id, group]) => ({
      id,
      ...group,
      hardState: [group.hardState.term, group.hardState.votedFor ?? null, group.hardState.commitIndex],
      entries: group.entries.map((entry) => `${entry.index}/${entry.term} ${entry.type} ${entry.payload.toString()}`),
    })),
  );
}

/** Also compares the answers to every kind of question. */
async function contentsOf(store: LogStore, model: Model): Promise<string> {
  const groups = new Map<number, ModelGroup>();
  for (const [groupId, expected] of model) {
    const summary = store.summary(groupId);
    assert(summary !== undefined, `group ${groupId} is known`);
    const { truncatedIndex, truncatedTerm, lastIndex, termRuns } = summary;
    const entries =
      lastIndex > truncatedIndex ? await store.read(groupId, truncatedIndex + 1, lastIndex, READ_ALL) : [];
    for (const entry of entries) {
      const run = termRuns.findLast(({ fromIndex }) => fromIndex <= entry.index);
      assert(run?.term === entry.term, "the term runs tell each entry's term");
    }
    const data = expected.entries.filter(({ type }) => type === "data");
    for (const index of [1, truncatedIndex + 1, Math.floor((truncatedIndex + lastIndex) / 2), lastIndex]) {
      const below = data.findLast((entry) => entry.index * 10 <= index * 10 + 5)?.index;
      assert(store.locateOffset(groupId, index * 10 + 5) === below, `offset of ${index} is found`);
      const after = data.find((entry) => entry.index * 100 >= index * 100 - 50)?.index;
      assert(store.locateTime(groupId, index * 100 - 50) === after, `time of ${index} is found`);
    }
    const { hardState, state } = expected;
    groups.set(groupId, { hardState, truncatedIndex, truncatedTerm, state, entries: [...entries] });
  }
  return serialize(groups);
}

type Step = fc.AsyncCommand<{ machine: Machine }, { machine: Machine }, false>;

function step(name: string, run: (machine: Machine) => Promise<void> | void): Step {
  return {
    check: () => true,
    run: async ({ machine }) => run(machine),
    toString: () => name,
  };
}

const groupIds = fc.integer({ min: 1, max: 4 });

const append = fc
  .record({
    groupId: groupIds,
    count: fc.integer({ min: 1, max: 4 }),
    sizeBytes: fc.integer({ min: 0, max: 700 }),
    back: fc.integer({ min: -6, max: 3 }),
  })
  .map(({ groupId, count, sizeBytes, back }) =>
    step(`append(${groupId}, ${count} x ${sizeBytes}, back ${back})`, (machine) => {
      const group = machine.model.get(groupId);
      const truncated = group?.truncatedIndex ?? 0;
      const last = group?.entries.at(-1)?.index ?? truncated;
      // Going back replaces a suffix, as a new leader does: in a new term.
      const from = Math.max(truncated, last - Math.max(0, back)) + 1;
      if (from <= last) machine.term++;
      const { term } = machine;
      const entries = Array.from({ length: count }, (_, at): Entry => {
        const index = from + at;
        const noop = at === 0 && from <= last;
        const payload = Buffer.from(noop ? "" : `${groupId}:${index}/${term}`.padEnd(sizeBytes, "."));
        return { index, term, type: noop ? "noop" : "data", payload };
      });
      machine.submit([{ groupId, entries, hardState: { term, votedFor: `n${term}`, commitIndex: truncated } }]);
    }),
  );

const truncate = fc
  .record({ groupId: groupIds, part: fc.double({ min: 0, max: 1.1, noNaN: true }), reset: fc.boolean() })
  .map(({ groupId, part, reset }) =>
    step(`truncate(${groupId}, ${part}, reset ${reset})`, (machine) => {
      const group = machine.model.get(groupId);
      const truncated = group?.truncatedIndex ?? 0;
      const last = group?.entries.at(-1)?.index ?? truncated;
      const index = truncated + Math.floor((last - truncated) * part) + (reset ? 2 : 0);
      const term =
        group?.entries.find((entry) => entry.index === index)?.term ??
        (index === truncated ? (group?.truncatedTerm ?? 0) : machine.term);
      machine.submit([{ groupId, truncatePrefix: { index, term, state: Buffer.from(`s${index}`), reset } }]);
    }),
  );

const deleteGroup = groupIds.map((groupId) =>
  step(`delete(${groupId})`, (machine) => machine.submit([{ groupId, deleteGroup: true }])),
);
const twoAtOnce = fc.tuple(groupIds, groupIds).map(([a, b]) =>
  step(`both(${a}, ${b})`, (machine) => {
    machine.term++;
    const hardState = { term: machine.term, votedFor: undefined, commitIndex: 0 };
    machine.submit([
      { groupId: a, hardState },
      { groupId: b, hardState },
    ]);
  }),
);
const flush = fc.constant(
  step("flush", async (machine) => {
    await machine.flush();
    await machine.verify();
  }),
);
const verify = fc.constant(step("verify", (machine) => machine.verify()));
const wait = fc
  .integer({ min: 100, max: 5_000 })
  .map((ms) => step(`wait(${ms})`, (machine) => machine.clock.advance(ms)));
const reopen = fc.constant(
  step("reopen", async (machine) => {
    await Promise.all([machine.store.close(), machine.flush()]);
    await machine.recover();
  }),
);
const crash = fc
  .record({
    ticks: fc.integer({ min: 0, max: 40 }),
    jumpMs: fc.constantFrom(0, 0, 1_500),
    unsyncedWrites: fc.constantFrom("lost" as const, "kept" as const, "torn" as const),
    sectorSizeBytes: fc.constantFrom(1, 16, 512),
    forget: fc.constantFrom(0, 0, 1, 3, 20, 63, Number.POSITIVE_INFINITY),
    seed: fc.integer(),
  })
  .map((options) =>
    step(`crash(${JSON.stringify(options)})`, async (machine) => {
      if (options.jumpMs > 0) machine.clock.jump(options.jumpMs);
      for (let tick = 0; tick < options.ticks; tick++) await Promise.resolve();
      machine.boot++;
      machine.disk.crash({ ...options, random: seededRandom(options.seed) });
      if (options.forget === Number.POSITIVE_INFINITY) await machine.indexes.destroy(`${DIRECTORY}/index`);
      machine.indexes.crash(Math.min(63, options.forget));
      await machine.recover();
      await machine.verify();
    }),
  );

const steps = [append, append, append, truncate, deleteGroup, twoAtOnce, flush, verify, wait, reopen, crash];

test("the store is an array of entries, whatever crashes between", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 80, size: "+1" }), async (commands) => {
      const machine = new Machine();
      await machine.open();
      await fc.asyncModelRun(() => ({ model: { machine }, real: { machine } }), commands);
    }),
    {
      numRuns: Number(process.env["MODEL_RUNS"] ?? 300),
      ...(process.env["SEED"] !== undefined
        ? { seed: Number(process.env["SEED"]), path: process.env["FCPATH"]!, endOnFailure: true }
        : {}),
    },
  );
});
