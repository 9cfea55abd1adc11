// Lives with a planted bug: prints, as JSON, in which of them it was noticed. The scenario that the list names for it is played first,
// then come random lives. SEEDS, FROM, MINUTES, FIRST (stop at the first).
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

function play() {
  const name = MUTATIONS.find((mutation) => mutation.name === MUTATION)?.scenario;
  if (name !== undefined) {
    const scenario = SCENARIOS.find((each) => each.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
    const [violation] = violationsOf(() => playScenario(scenario, scenario.seeds[0], { endsAtViolation: true }));
    isScenarioCaught = violation !== undefined;
    example = violation;
  }
  setImmediate(next, Number(FROM));
}

function next(seed) {
  if (lives >= Number(SEEDS) || (FIRST !== undefined && caught.length > 0)) {
    console.log(JSON.stringify({ lives, caught, scenario: isScenarioCaught, example }));
    process.exit(0);
  }
  lives++;
  const options = { seed: String(seed), durationMs: Number(MINUTES) * 60_000, endsAtViolation: true };
  const violations = violationsOf(() => runLife(options));
  if (violations.length > 0) {
    caught.push(seed);
    example ??= violations[0];
  }
  setImmediate(next, seed + 1);
}
setImmediate(play);
