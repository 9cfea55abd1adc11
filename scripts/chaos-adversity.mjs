// `npm run chaos -- --adversity` for people: a table of the states, and a chart of what was acknowledged in each second.

const COLUMNS = [
  ["state", ({ state }) => state],
  ["s", ({ seconds }) => seconds],
  ["times", ({ times }) => (times === 0 ? "" : times)],
  ["records/s", ({ recordsPerSecond }) => recordsPerSecond],
  ["put p50 ms", ({ putMsP50 }) => putMsP50],
  ["put p99 ms", ({ putMsP99 }) => putMsP99],
  ["longest wait ms", ({ unavailableMs }) => unavailableMs],
  ["failed requests", ({ failedRequests }) => failedRequests],
];

/** Markdown, so that it can go into a page as it is. */
export function table(states) {
  const rows = [
    COLUMNS.map(([name]) => name),
    ...states.map((state) => COLUMNS.map(([, pick]) => String(pick(state)))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)].join("\n");
}

const [LEFT, TOP, WIDTH, HEIGHT] = [60, 20, 1_000, 260];
const LABELS = 130;

/** An SVG: a bar a second, and a band with its name for each state. */
export function chart({ states, perSecond }) {
  const most = Math.max(1, ...perSecond);
  const x = (second) => LEFT + (second / perSecond.length) * WIDTH;
  const y = (records) => TOP + HEIGHT - (records / most) * HEIGHT;
  const bands = states.map(({ state, fromS, seconds }, index) => {
    const [from, to] = [x(fromS), x(Math.min(fromS + seconds, perSecond.length))];
    const place = `x="${from.toFixed(1)}" y="${TOP}" width="${(to - from).toFixed(1)}" height="${HEIGHT}"`;
    const middle = ((from + to) / 2).toFixed(1);
    const label = `<text transform="translate(${middle},${TOP + HEIGHT + 12}) rotate(35)">${state}</text>`;
    return `<rect ${place} fill="${index % 2 === 0 ? "#f3f4f6" : "#e5e7eb"}"/>${label}`;
  });
  const points = perSecond.map((records, second) => `${x(second + 0.5).toFixed(1)},${y(records).toFixed(1)}`).join(" ");
  const scale = [0, 0.5, 1].map(
    (share) => `<text x="${LEFT - 6}" y="${y(most * share) + 4}" text-anchor="end">${Math.round(most * share)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 80}" height="${TOP + HEIGHT + LABELS}" font-family="sans-serif" font-size="12">
${bands.join("\n")}
<polyline points="${points}" fill="none" stroke="#2563eb" stroke-width="1.5"/>
${scale.join("\n")}
<text x="${LEFT}" y="13">records acknowledged in each second of ${perSecond.length}</text>
</svg>
`;
}
