import { expect, test } from "vitest";
import { Served, streamOfShards } from "../testing/served.ts";

test("a page's token goes on where the page ended, with the listing's start repeated beside it or not", async () => {
  const streams = ["a", "b", "c", "d", "e"].map((name, i) => streamOfShards(name, 1, { streamId: i + 1 }));
  const served = new Served(streams, { quotas: "off" });
  const start = { ExclusiveStartStreamName: "a", Limit: 2 };
  const first = await served.call("ListStreams", start);
  expect(first).toMatchObject({ StreamNames: ["b", "c"], HasMoreStreams: true });
  for (const repeated of [start, { Limit: 2 }]) {
    const second = await served.call("ListStreams", { ...repeated, NextToken: first.NextToken });
    expect(second).toMatchObject({ StreamNames: ["d", "e"], HasMoreStreams: false });
    expect(second.NextToken).toBeUndefined();
  }
});
