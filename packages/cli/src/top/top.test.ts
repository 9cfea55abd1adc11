import { expect, test } from "vitest";
import type { ClusterNode } from "../launcher/cluster-file.ts";
import { quantileBetween, Scrape } from "./scrape.ts";
import { topTables } from "./top.ts";

const node = (id: string): ClusterNode => ({
  id,
  role: "broker",
  az: "az-a",
  pid: 1,
  address: "a:1",
  adminAddress: "a:2",
});

function scrape(records: number, fast: number, slow: number): Scrape {
  return new Scrape(`# HELP x y
millrace_stream_incoming_records_total{account="000000000000",stream="orders"} ${records}
millrace_stream_incoming_bytes_total{account="000000000000",stream="orders"} ${records * 1_024}
millrace_stream_iterator_age_milliseconds{account="000000000000",stream="orders"} 1500
millrace_process_process_cpu_seconds_total ${records / 1_000}
millrace_process_nodejs_eventloop_lag_p99_seconds 0.130
millrace_shards_hosted 4
millrace_shards_led 2
millrace_journal_sync_duration_seconds_bucket{le="0.001"} ${fast}
millrace_journal_sync_duration_seconds_bucket{le="0.25"} ${fast + slow}
millrace_journal_sync_duration_seconds_bucket{le="+Inf"} ${fast + slow}
`);
}

test("S: top shows rates between two scrapes, and who does not answer", () => {
  const text = topTables(
    [node("broker-1"), node("broker-2")],
    [scrape(100, 10, 0), undefined],
    [scrape(300, 90, 20), undefined],
    2,
  );
  expect(text).toMatch(/broker-1 +az-a +10 % .* 30 ms .* 2\/4 .*<250 ms/);
  expect(text).toMatch(/broker-2 +az-a +no answer/);
  expect(text).toMatch(/orders +100 +100 KiB +0 +0 B +0 +1500 ms/);
});

test("a quantile is of what was observed between the scrapes", () => {
  expect(
    quantileBetween(scrape(0, 0, 1_000), scrape(0, 99, 1_001), "millrace_journal_sync_duration_seconds", 0.9),
  ).toBe(0.001);
  expect(
    quantileBetween(scrape(0, 5, 5), scrape(0, 5, 5), "millrace_journal_sync_duration_seconds", 0.9),
  ).toBeUndefined();
});
