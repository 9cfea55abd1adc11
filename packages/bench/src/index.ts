export { runBench } from "./run.ts";
