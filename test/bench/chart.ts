/** Charts as data, and as SVG. Transparent, in tones that can be read on light and on dark ground. */
export interface Chart {
  /** The name of its file, without `.svg`. */
  readonly file: string;
  readonly title: string;
  readonly panels: readonly (BarPanel | LinePanel)[];
}

export interface BarPanel {
  readonly kind: 'bars';
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
  /** Drawn as a line across the bars. */
  readonly target?: number;
}

export interface LinePanel {
  readonly kind: 'lines';
  readonly title: string;
  readonly xTitle: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

const WIDTH = 760;
const LABEL_WIDTH = 300;
/** Behind the longest bar, for its number. */
const NUMBER_WIDTH = 70;
const BAR_HEIGHT = 16;
const BAR_STEP = 24;
const LINES_HEIGHT = 170;
const TITLE_HEIGHT = 30;
const PANEL_GAP = 18;
const FONT_SIZE = 13;
const LEGEND_STEP = 150;

const TEXT = '#767c85';
const TARGET = '#d1495b';
const COLOURS = ['#3d84c6', '#d98324', '#3a9d6e', '#9467bd'];

/** @param format how a number is written beside its bar */
export function chartSvg({ title, panels }: Chart, format: (value: number) => string): string {
  const parts: string[] = [text(0, FONT_SIZE + 4, title, 'font-weight="bold" font-size="15"')];
  let y = TITLE_HEIGHT;
  for (const panel of panels) {
    parts.push(text(0, y + FONT_SIZE, panel.title, 'font-weight="bold"'));
    y += TITLE_HEIGHT - 6;
    parts.push(panel.kind === 'bars' ? barsSvg(panel, y, format) : linesSvg(panel, y, format));
    y +=
      (panel.kind === 'bars' ? panel.bars.length * BAR_STEP : LINES_HEIGHT + 2 * FONT_SIZE + 6) + PANEL_GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" font-family="system-ui, sans-serif" font-size="${FONT_SIZE}">
<title>${escape(title)}</title>
${parts.join('\n')}
</svg>
`;
}

function barsSvg({ bars, target }: BarPanel, top: number, format: (value: number) => string): string {
  const most = Math.max(...bars.map(({ value }) => value), target ?? 0, Number.MIN_VALUE);
  const scale = (WIDTH - LABEL_WIDTH - NUMBER_WIDTH) / most;
  const rows = bars.map(({ label, value }, i) => {
    const y = top + i * BAR_STEP;
    const width = Math.max(1, value * scale);
    return [
      text(LABEL_WIDTH - 8, y + BAR_HEIGHT - 3, label, 'text-anchor="end"'),
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" rx="2" fill="${COLOURS[0]}"/>`,
      text(LABEL_WIDTH + width + 6, y + BAR_HEIGHT - 3, format(value)),
    ].join('\n');
  });
  if (target === undefined) return rows.join('\n');
  const x = round(LABEL_WIDTH + target * scale);
  const bottom = top + bars.length * BAR_STEP - (BAR_STEP - BAR_HEIGHT) + 4;
  return [
    ...rows,
    `<path d="M${x} ${top - 4}V${bottom}" stroke="${TARGET}" stroke-width="2" stroke-dasharray="4 3"/>`,
    text(x, bottom + 10, `at most ${format(target)}`, `text-anchor="middle" font-size="11"`, TARGET),
  ].join('\n');
}

function linesSvg({ series, xTitle }: LinePanel, top: number, format: (value: number) => string): string {
  const points = series.flatMap(one => one.points);
  const [xMost, yMost] = [0, 1].map(axis => Math.max(...points.map(point => point[axis] ?? 0), 1)) as [
    number,
    number,
  ];
  const left = NUMBER_WIDTH;
  const bottom = top + LINES_HEIGHT;
  const x = (value: number) => round(left + (value / xMost) * (WIDTH - left - NUMBER_WIDTH));
  const y = (value: number) => round(bottom - (value / yMost) * (LINES_HEIGHT - 2 * FONT_SIZE));
  const axes = [
    `<path d="M${left} ${top + FONT_SIZE}V${bottom}H${WIDTH - NUMBER_WIDTH}" fill="none" stroke="${TEXT}"/>`,
    `<path d="M${left} ${y(yMost)}H${WIDTH - NUMBER_WIDTH}" stroke="${TEXT}" stroke-dasharray="2 4"/>`,
    text(left - 6, y(yMost) + 4, format(yMost), 'text-anchor="end"'),
    text(left - 6, bottom, '0', 'text-anchor="end"'),
    text(WIDTH - NUMBER_WIDTH, bottom + FONT_SIZE + 4, format(xMost), 'text-anchor="middle"'),
    text((left + WIDTH - NUMBER_WIDTH) / 2, bottom + FONT_SIZE + 4, xTitle, 'text-anchor="middle"'),
  ];
  const lines = series.map(({ name, points: line }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? TEXT;
    const path = line.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      text(left + 10 + i * LEGEND_STEP, top + FONT_SIZE - 4, name, 'font-weight="bold"', colour),
    ].join('\n');
  });
  return [...axes, ...lines].join('\n');
}

function text(x: number, y: number, content: string, attributes = '', colour = TEXT): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="${colour}" ${attributes}>${escape(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
