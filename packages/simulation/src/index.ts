export { type LifeOptions, type LifeResult, runLife } from "./life.ts";
export { simulate } from "./main.ts";
export { add, asJson, describe, noTotals, type Totals } from "./report.ts";
export { shrink } from "./shrink.ts";
