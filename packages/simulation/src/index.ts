export { type LifeOptions, type LifeResult, runLife } from "./life.ts";
export { simulate } from "./main.ts";
export { add, asJson, describe, noTotals, type Totals } from "./report.ts";
export { SCENARIOS } from "./scenarios/index.ts";
export { playScenario, type Scenario } from "./scenarios/scenario.ts";
export { shrink } from "./shrink.ts";
