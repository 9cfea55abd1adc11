import { expect, test } from "vitest";
import { violationsOf } from "./testing/lives.ts";

// Half of the seeds each, in two files, so that two workers share them.
const CHUNK = 25;
const DURATION_MS = 8_000;

test.each(Array.from({ length: 6 }, (_, at) => 1 + at * CHUNK))(
  "T01 no promise is broken in any of 25 lives from seed %i on",
  async (from) => {
    expect(await violationsOf(from, CHUNK, DURATION_MS)).toEqual({});
  },
  180_000,
);
