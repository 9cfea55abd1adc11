import { writeSync } from "node:fs";
import { type Failpoint, FAILPOINT_NAMES, type FailpointName, FAILPOINTS } from "./failpoints.ts";

export interface FailpointEffects {
  /** Uniform in [0, 1). */
  readonly draw: () => number;
  readonly die: (name: FailpointName) => void;
}

const ACTION = /^kill:(\d*\.?\d+)$/;
const STDERR = 2;

/**
 * What a text asks for, such as `journal.after-sync=kill:0.001,raft.before-save-vote=kill:1`: at each pass of the place the process
 * dies with that chance. `*` stands for every place that has no chance of its own. @throws Error on a name that does not exist:
 * a place that is mistyped would test nothing
 */
export function parseFailpoints(text: string, { draw, die }: FailpointEffects): Failpoint {
  const chances = new Map<FailpointName, number>();
  for (const part of text.split(",").map((each) => each.trim())) {
    const [name = "", action = ""] = part.split("=");
    const chance = Number(ACTION.exec(action)?.[1]);
    if (!(chance >= 0 && chance <= 1))
      throw new Error(`"${part}" is no failpoint: name=kill:chance, chance from 0 to 1`);
    if (name === "*") for (const each of FAILPOINT_NAMES) chances.set(each, chances.get(each) ?? chance);
    else if (Object.hasOwn(FAILPOINTS, name)) chances.set(name as FailpointName, chance);
    else throw new Error(`there is no failpoint ${name}`);
  }
  return (name) => {
    const chance = chances.get(name);
    if (chance !== undefined && draw() < chance) die(name);
  };
}

/** For a node process, from `MILLRACE_FAILPOINTS`. Undefined unless that is set: it is for tests only. */
export function failpointsOf(text: string | undefined): Failpoint | undefined {
  if (text === undefined || text === "") return undefined;
  return parseFailpoints(text, {
    draw: () => Math.random(),
    die: (name) => {
      writeSync(STDERR, `${JSON.stringify({ failpoint: name, msg: "dies at a failpoint" })}\n`);
      process.kill(process.pid, "SIGKILL");
    },
  });
}
