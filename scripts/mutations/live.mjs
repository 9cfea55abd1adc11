// Lives with a planted bug: prints, as JSON, in which of them it was noticed. The scenario that the list names for it comes
// first, then come random lives. SEEDS, FROM, MINUTES, FIRST (stop at the first).
import { register } from "node:module";
import { MUTATIONS } from "./list.mjs";

register("./loader.mjs", import.meta.url);
const { playScenario, runLife, SCENARIOS } = await import(
  new URL("../../packages/simulation/dist/index.js", import.meta.url)
);
const { MUTATION, SEEDS = "10", FROM = "1", MINUTES = "0.5", FIRST } = process.env;
const caught = [];
let lives = 0;
let example;
let isScenarioCaught;
// What a planted bug leaves as a stray rejection is noticed too, but not counted to a seed.
process.on("unhandledRejection", (error) => (example ??= String(error)));

/** What a life says of broken promises, by whatever way it ends. */
function violationsOf(life) {
  try {
    return life().violations;
  } catch (error) {
    return [String(error)];
  }
}

function scenarioOf(name) {
  if (name === undefined) return undefined;
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
  return () => playScenario(scenario, scenario.seeds[0], { endsAtViolation: true });
}

function play() {
  const { scenario: name } = MUTATIONS.find((mutation) => mutation.name === MUTATION) ?? {};
  const scripted = scenarioOf(name);
  if (scripted !== undefined) {
    const [violation] = violationsOf(scripted);
    isScenarioCaught = violation !== undefined;
    example = violation;
  }
  setImmediate(next, Number(FROM));
}

const consumerGroups = MUTATIONS.some(
  ({ name, file }) => name === MUTATION && file.startsWith("client/dist/native/groups"),
);

function next(seed) {
  if (lives >= Number(SEEDS) || (FIRST !== undefined && caught.length > 0)) {
    console.log(JSON.stringify({ lives, caught, scenario: isScenarioCaught, example }));
    process.exit(0);
  }
  lives++;
  const options = { seed: String(seed), durationMs: Number(MINUTES) * 60_000, consumerGroups, endsAtViolation: true };
  const violations = violationsOf(() => runLife(options));
  if (violations.length > 0) {
    caught.push(seed);
    example ??= violations[0];
  }
  setImmediate(next, seed + 1);
}
setImmediate(play);
