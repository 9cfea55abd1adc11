export { type LifeOptions, type LifeResult, runLife } from "./life.ts";
