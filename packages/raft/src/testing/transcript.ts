import { TestCluster, type TestNode } from "./test-cluster.ts";

/**
 * Runs the commands of a story and puts what they print behind them: comment lines, then blocks of commands, `----`, what they
 * printed, an empty line. What was printed before is left out, so that a story is its own expectation.
 */
export function replay(story: string, run: (command: string) => readonly string[]): string {
  const blocks = story.trimEnd().split(/\n{2,}/u);
  const written = blocks.map((block) => {
    const lines = block.split("\n");
    const end = lines.indexOf("----");
    const told = end === -1 ? lines : lines.slice(0, end);
    const printed: string[] = [];
    for (const line of told) {
      const command = line.replace(/#.*$/u, "").trim();
      if (command !== "") printed.push(...run(command));
    }
    return [...told, ...(printed.length === 0 ? [] : ["----", ...printed])].join("\n");
  });
  return `${written.join("\n\n")}\n`;
}

/** A cluster that is told what to do in words. Set-up is silent; `deliver` and what follows it print what has changed. */
export class TranscriptCluster {
  #cluster = new TestCluster([], () => 0);
  readonly #printed = new Map<string, string>();

  run(command: string): readonly string[] {
    const [verb = "", ...words] = command.split(/\s+/u);
    const id = words[0] ?? "";
    switch (verb) {
      case "cluster":
        return this.#begin(words);
      case "add": {
        const voters = (words[1] ?? "").split(",");
        const joinId = Number(words[3] ?? 0);
        this.#cluster.addNode(id, { voters, votersOutgoing: [], learners: [] }, words[2] === "forgets", joinId);
        return this.#changes();
      }
      case "isolate":
        this.#cluster.isolate(id);
        return [];
      case "cut":
        this.#cluster.cut(id, words[1] ?? "");
        return [];
      case "heal":
        this.#cluster.heal();
        return [];
      case "crash":
        this.#cluster.crash(id);
        return [];
      case "restart":
        this.#cluster.restart(id);
        return [];
      case "propose":
        return this.#cluster.propose(id, words[1] ?? "") === undefined ? [`${id}: refuses`] : [];
      case "campaign":
        this.#cluster.node(id).core.campaign();
        this.#cluster.pump(this.#cluster.node(id));
        return [];
      case "tick":
        for (let left = Number(words[1] ?? 1); left > 0; left--) this.#cluster.tick(id);
        return [];
      case "membership":
        return this.#membership(id, words[1] ?? "", words[2] ?? "", words.slice(3));
      case "transfer":
        this.#cluster.node(id).core.transferLeadership(words[1] ?? "");
        this.#cluster.pump(this.#cluster.node(id));
        return [];
      case "read":
        this.#cluster.node(id).core.readIndex(1);
        this.#cluster.pump(this.#cluster.node(id));
        return [];
      case "reads":
        return [
          `${id}: ${
            this.#cluster
              .node(id)
              .reads.map(({ readIndex }) => `may read up to ${readIndex}`)
              .join(", ") || "none"
          }`,
        ];
      case "truncate":
        this.#cluster.truncate(id, Number(words[1]));
        return [];
      case "drop":
        this.#cluster.inFlight.length = 0;
        return [];
      case "deliver":
        if (words[0] === undefined) this.#cluster.settle();
        else this.#cluster.deliverSome(Number(words[0]));
        return this.#changes();
      case "joined":
        this.#cluster.node(id).core.joined();
        return [];
      case "disk": {
        const { term, votedFor } = this.#cluster.node(id).durable.hardState;
        return [`${id}: its disk has term ${term}, voted for ${votedFor ?? "nobody"}`];
      }
      case "log":
        return [`${id}: ${logOf(this.#cluster.node(id))}`];
      default:
        throw new Error(`no command "${verb}"`);
    }
  }

  /** `cluster 3 leader=1`: so many nodes, the first of them voted for. */
  #begin(words: readonly string[]): readonly string[] {
    const ids = Array.from({ length: Number(words[0]) }, (_, at) => String(at + 1));
    this.#cluster = new TestCluster(ids, () => 0);
    const leader = words.find((word) => word.startsWith("leader="))?.slice("leader=".length);
    if (leader !== undefined) {
      this.run(`campaign ${leader}`);
      this.#cluster.settle();
    }
    this.#changes();
    return [];
  }

  /** `joins` as in `2=7`: 2 is a member by its joining 7. */
  #membership(id: string, voters: string, learners: string, joins: readonly string[]): readonly string[] {
    const { core } = this.#cluster.node(id);
    const next = {
      voters: voters.split(","),
      votersOutgoing: [],
      learners: learners === "" || learners === "-" ? [] : learners.split(","),
      joins: Object.fromEntries(joins.map((join) => join.split("=")).map(([node, joinId]) => [node, Number(joinId)])),
    };
    const range = core.proposeMembership(next);
    this.#cluster.pump(this.#cluster.node(id));
    return range === undefined ? [`${id}: refuses`] : [];
  }

  #changes(): string[] {
    const lines: string[] = [];
    for (const [id, node] of this.#cluster.nodes) {
      const line = describe(node);
      if (this.#printed.get(id) !== line) lines.push(line);
      this.#printed.set(id, line);
    }
    return lines;
  }
}

function describe({ id, core, entries, isUp }: TestNode): string {
  if (!isUp) return `${id}: down`;
  const { voters, votersOutgoing, learners } = core.membership;
  const last = `last=${core.lastIndex}/${entries.at(-1)?.term ?? "-"}`;
  const outgoing = votersOutgoing.length === 0 ? "" : ` outgoing=${votersOutgoing.join(",")}`;
  const learning = learners.length === 0 ? "" : ` learners=${learners.join(",")}`;
  const members = `voters=${voters.join(",")}${outgoing}${learning}`;
  return `${id}: ${core.role.padEnd(12)} term=${core.term} ${last} commit=${core.commitIndex} ${members}`;
}

function logOf({ entries, truncatedIndex, core }: TestNode): string {
  const shown = entries.map(({ index, term, type, payload }) => {
    const text = type === "data" ? ` ${payload.toString()}` : ` (${type})`;
    return `${index}/${term}${text}${index > core.commitIndex ? "?" : ""}`;
  });
  return [...(truncatedIndex > 0 ? [`… ${truncatedIndex}`] : []), ...shown].join(" | ");
}
