import type { StreamView } from "@millrace/client";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { streamMetrics } from "./stream-metrics.ts";

const stream = (name: string): StreamView =>
  ({ key: { accountId: "000000000000", region: "us-east-1", name } }) as StreamView;

test("each stream has its series, and beyond five hundred streams they share one", async () => {
  const registry = new Registry();
  const metrics = streamMetrics(registry);
  for (let number = 0; number < 600; number++) metrics.wrote(stream(`s-${number}`), 2, 100);
  metrics.wrote(stream("s-3"), 1, 5);
  metrics.wrote(stream("s-599"), 1, 5);
  const { values } = await (
    registry.getSingleMetric("millrace_stream_incoming_bytes_total") as NonNullable<
      ReturnType<Registry["getSingleMetric"]>
    >
  ).get();
  expect(values).toHaveLength(501);
  expect(values.find(({ labels }) => labels.stream === "s-3")?.value).toBe(105);
  expect(values.find(({ labels }) => labels.stream === "(others)")?.value).toBe(100 * 100 + 5);
});

test("the iterator's age is the worst since the last scrape, and gone when nobody reads", async () => {
  const registry = new Registry();
  const metrics = streamMetrics(registry);
  metrics.read(stream("s"), 10, 1_000, 5_000);
  metrics.read(stream("s"), 10, 1_000, 200);
  expect(await registry.metrics()).toContain('iterator_age_milliseconds{account="000000000000",stream="s"} 5000');
  expect(await registry.metrics()).not.toContain("iterator_age_milliseconds{");
});
