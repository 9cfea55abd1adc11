import { expect, test } from "vitest";
import { SCENARIOS } from "./scenarios/index.ts";
import { playScenario } from "./scenarios/scenario.ts";
import { inOwnTurn } from "./testing/lives.ts";

test.each(SCENARIOS)(
  "$name: $asks",
  async (scenario) => {
    for (const seed of scenario.seeds) {
      const { violations, acknowledged } = await inOwnTurn(() => playScenario(scenario, seed));
      expect(violations, `seed "${seed}"`).toEqual([]);
      expect(acknowledged).toBeGreaterThan(0);
    }
  },
  120_000,
);
