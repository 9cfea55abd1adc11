import { expect, test } from "vitest";
import { median, Samples } from "./samples.ts";

test("a median is one of the values, however they come", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4])).toBe(4);
});

test("medians of rounds, and the ratio of the first to each other", () => {
  const samples = new Samples();
  for (const [ours, theirs] of [
    [90, 30],
    [100, 10],
    [110, 20],
  ] as const) {
    samples.add("throughput", "Millrace", ours, "MB/s");
    samples.add("throughput", "Kafka", theirs, "MB/s");
  }
  expect(samples.figures("Millrace")).toEqual([
    { workload: "throughput", figure: "Millrace", value: 100, unit: "MB/s", rounds: [90, 100, 110] },
    { workload: "throughput", figure: "Kafka", value: 20, unit: "MB/s", rounds: [30, 10, 20] },
    { workload: "throughput", figure: "Millrace : Kafka", value: 5, unit: "x" },
  ]);
});

test("a workload that the first did not do has no ratio", () => {
  const samples = new Samples();
  samples.add("latency", "Kafka", 2, "ms");
  expect(samples.figures("Millrace").map(({ figure }) => figure)).toEqual(["Kafka"]);
});
