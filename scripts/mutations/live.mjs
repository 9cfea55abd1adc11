// Lives with a planted bug: prints, as JSON, in how many of them it was noticed. SEEDS, FROM, MINUTES, FIRST (stop at the first).
import { register } from "node:module";

register("./loader.mjs", import.meta.url);
const { runLife } = await import(new URL("../../packages/simulation/dist/index.js", import.meta.url));
const { SEEDS = "10", FROM = "1", MINUTES = "0.5", FIRST } = process.env;
const caught = [];
let lives = 0;
let example;
// What a planted bug leaves as a stray rejection is noticed too, but not counted to a seed.
process.on("unhandledRejection", (error) => (example ??= String(error)));

function next(seed) {
  if (lives >= Number(SEEDS) || (FIRST !== undefined && caught.length > 0)) {
    console.log(JSON.stringify({ lives, caught, example }));
    process.exit(0);
  }
  lives++;
  let violations;
  try {
    ({ violations } = runLife({ seed: String(seed), durationMs: Number(MINUTES) * 60_000, endsAtViolation: true }));
  } catch (error) {
    violations = [String(error)];
  }
  if (violations.length > 0) {
    caught.push(seed);
    example ??= violations[0];
  }
  setImmediate(next, seed + 1);
}
setImmediate(next, Number(FROM));
