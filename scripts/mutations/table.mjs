/** What the results of `npm run mutations` look like in the documentation. */
import { MUTATIONS } from "./list.mjs";

/** The checks of the simulation by what they say. */
const CHECKS = [
  [/was acknowledged while \d+ zones/, "acknowledged records are on the disks of two zones"],
  [/is stored twice|when it was sent again/, "a put is stored once"],
  [/and is lost/, "no acknowledged record is lost"],
  [/was acknowledged at .*, and is at/, "a record is where its answer said"],
  [/was refused, and is stored/, "what is refused stores nothing"],
  [/sequence number/, "sequence numbers keep the order of puts"],
  [/begins below the end of its parent/, "children stand above their parents"],
  [/applied an entry of term/, "replicas apply the same entries"],
  [/leads term .* with .* entries of/, "a leader has every committed entry"],
  [/both lead/, "one leader a term"],
  [/committed up to/, "a leader commits by entries of its own term"],
  [/serves a read up to/, "a read covers what was committed before"],
  [/its disk does not know|its disk has|voted for|stores term/, "what a node says stands on its disk"],
  [/on its disk, and starts with/, "a node starts with what its disk had"],
  [/went back to/, "terms and commit indexes never fall"],
  [/which is alive/, "no replica is deleted that counts"],
  [/uncaught/, "the product's own assertions"],
  [
    /after healing|of healing|come to its end|without an end|no progress within/,
    "everybody gets on when the faults are over",
  ],
  [
    /is delivered, and its checkpoint/,
    "a consumer group gets every record, and none again that is behind its checkpoint",
  ],
  [/cannot have happened in any order/, "the control plane is linearizable"],
  [/(?:from|of) (?:TRIM_HORIZON|LATEST|AT_|AFTER_)|saw|up to date/, "readers see what is stored, without gaps"],
];

export function checkOf(example) {
  return CHECKS.find(([pattern]) => pattern.test(example))?.[1] ?? example.slice(0, 80);
}

/** "12": the twelfth was the first to notice it. */
function livesUntilCaught({ lives, caught, from = 1 }) {
  if (caught.length > 0) return String(caught[0] - from + 1);
  return lives === 0 ? "not tried" : `none of ${lives}`;
}

/** A row for each planted bug of the list, tried or not. */
export function rowsOf(results) {
  const byName = new Map(results.map((result) => [result.name, result]));
  return MUTATIONS.map(({ name, scenario }) => {
    const result = byName.get(name) ?? { lives: 0, caught: [] };
    const by = result.example === undefined ? "" : checkOf(result.example);
    const played = result.scenario === undefined ? "" : `${result.scenario ? "noticed" : "not noticed"}: ${scenario}`;
    return [name, livesUntilCaught(result), played, by];
  });
}

export function markdownOf(results) {
  const lines = rowsOf(results).map((row) => `| ${row.join(" | ")} |`);
  return `# Planted bugs

Can the simulation fail? \`npm run mutations\` plants one bug at a time in the built program, each of which breaks one rule that the promises
stand on, and lets clusters live with it until a check of the simulation notices. This is what \`npm run mutations -- --first --write\` found.

A random life is one cluster for half a minute of simulated time under its seed's own faults. Where a bug shows only after several things happened
one after another, a scripted life brings them about: the scenario. The last column says what noticed it first.

| planted bug | random lives until noticed | scenario | noticed by |
| --- | --- | --- | --- |
${lines.join("\n")}
`;
}
