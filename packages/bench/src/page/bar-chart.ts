// A chart of horizontal bars as SVG: the same input, the same bytes.

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Of all rounds; a whisker when they differ. */
  readonly low: number;
  readonly high: number;
  readonly isOurs: boolean;
}

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 800;
const LABEL_WIDTH = 290;
const VALUE_WIDTH = 120;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const HEAD_HEIGHT = 44;
const ROW_HEIGHT = 30;
const BAR_HEIGHT = 18;
const MARGIN = 14;
const OURS = "#1f6feb";
const OTHERS = "#8c959f";
const INK = "#1f2328";
const FONT = 'font-family="system-ui, sans-serif" font-size="13"';

export function barChart({ title, unit, bars }: BarChart): string {
  const height = HEAD_HEIGHT + bars.length * ROW_HEIGHT + MARGIN;
  const longest = Math.max(...bars.map(({ high }) => high), Number.MIN_VALUE);
  const x = (value: number): number => LABEL_WIDTH + (value / longest) * PLOT_WIDTH;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" ${FONT}>`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="26" font-weight="600" fill="${INK}">${escaped(title)}, ${escaped(unit)}</text>`,
    ...bars.flatMap((bar, row) => rowOf(bar, HEAD_HEIGHT + row * ROW_HEIGHT, x)),
    "</svg>",
    "",
  ].join("\n");
}

function rowOf({ label, value, low, high, isOurs }: Bar, top: number, x: (value: number) => number): string[] {
  const middle = top + ROW_HEIGHT / 2;
  const baseline = middle + 5;
  const width = Math.max(1, x(value) - LABEL_WIDTH);
  const bar = `<rect x="${LABEL_WIDTH}" y="${middle - BAR_HEIGHT / 2}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${isOurs ? OURS : OTHERS}"/>`;
  const whisker = `<path d="M${x(low).toFixed(1)} ${middle}H${x(high).toFixed(1)}" stroke="${INK}" stroke-width="1.5"/>`;
  const weight = isOurs ? ' font-weight="600"' : "";
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${baseline}" text-anchor="end" fill="${INK}"${weight}>${escaped(label)}</text>`,
    bar,
    ...(high > low ? [whisker] : []),
    `<text x="${(x(Math.max(value, high)) + 8).toFixed(1)}" y="${baseline}" fill="${INK}"${weight}>${rounded(value)}</text>`,
  ];
}

/** Three digits that count. */
export function rounded(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
