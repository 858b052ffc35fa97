/** What a piece of the screen means; how that looks is the palette's. */
export type Look =
  | 'plain'
  | 'strong'
  | 'faint'
  | 'good'
  | 'caution'
  | 'bad'
  | 'pending'
  | 'heading'
  | 'rule'
  | 'key'
  | 'bar'
  | 'barStrong'
  | 'barGood'
  | 'barCaution'
  | 'barBad'
  | 'alertBanner'
  | 'badBanner'
  | 'selected'
  | 'selectedElsewhere';

/** Parameters of the control sequence SGR (ECMA-48) for each look. */
export type Palette = Readonly<Record<Look, string>>;

/** Text is in the theme's own colours; what has a background has a foreground that can be read on it. */
const COLOURS_256: Palette = {
  plain: '',
  strong: '1',
  faint: '38;5;244',
  good: '32',
  caution: '33',
  bad: '31',
  pending: '1;33',
  heading: '38;5;109',
  rule: '38;5;240',
  key: '1',
  bar: '38;5;250;48;5;236',
  barStrong: '1;38;5;231;48;5;236',
  barGood: '38;5;114;48;5;236',
  barCaution: '1;38;5;220;48;5;236',
  barBad: '1;38;5;210;48;5;236',
  alertBanner: '38;5;16;48;5;220',
  badBanner: '1;38;5;231;48;5;124',
  selected: '1;38;5;231;48;5;24',
  selectedElsewhere: '38;5;252;48;5;238',
};

const COLOURS_16: Palette = {
  plain: '',
  strong: '1',
  faint: '90',
  good: '32',
  caution: '33',
  bad: '31',
  pending: '1;33',
  heading: '36',
  rule: '90',
  key: '1',
  bar: '37;44',
  barStrong: '1;37;44',
  barGood: '1;37;44',
  barCaution: '30;43',
  barBad: '1;37;41',
  alertBanner: '30;43',
  badBanner: '1;37;41',
  selected: '30;46',
  selectedElsewhere: '7',
};

/** Signs and words tell the states apart here. */
const MONOCHROME: Palette = {
  plain: '',
  strong: '1',
  faint: '',
  good: '',
  caution: '1',
  bad: '1',
  pending: '1',
  heading: '4',
  rule: '',
  key: '1',
  bar: '7',
  barStrong: '1;7',
  barGood: '7',
  barCaution: '1;7',
  barBad: '1;7',
  alertBanner: '1;7',
  badBanner: '1;7',
  selected: '7',
  selectedElsewhere: '4',
};

/** The characters that a screen is drawn with, each one cell wide. */
export interface Glyphs {
  readonly enabled: string;
  readonly disabled: string;
  readonly failing: string;
  readonly pending: string;
  /** Parts of a cell that is full from the left, in equal steps; the last is the whole cell. */
  readonly bar: readonly string[];
  readonly barEmpty: string;
  readonly horizontal: string;
  readonly vertical: string;
  readonly ascending: string;
  readonly descending: string;
  readonly ellipsis: string;
  /** Whether the terminal can show other characters than ASCII. */
  readonly unicode: boolean;
}

const UNICODE: Glyphs = {
  enabled: '●',
  disabled: '○',
  failing: '!',
  pending: '?',
  bar: ['╸', '━'],
  barEmpty: '─',
  horizontal: '─',
  vertical: '│',
  ascending: '▲',
  descending: '▼',
  ellipsis: '…',
  unicode: true,
};

/** Fonts of the Linux console have at most 512 characters: those of the old PC are among them. */
const LINUX_CONSOLE: Glyphs = { ...UNICODE, enabled: '•', disabled: 'o', bar: ['■'], ellipsis: '~' };

const ASCII: Glyphs = {
  enabled: '*',
  disabled: '-',
  failing: '!',
  pending: '?',
  bar: ['#'],
  barEmpty: '.',
  horizontal: '-',
  vertical: '|',
  ascending: '^',
  descending: 'v',
  ellipsis: '~',
  unicode: false,
};

/** What a terminal can show. */
export interface Display {
  readonly palette: Palette;
  readonly glyphs: Glyphs;
}

/** Terminals of TERM that have no colours. */
const COLOURLESS = /^(vt\d|ansi-m|unknown)|mono|-m$/;

/**
 * Chooses by TERM, COLORTERM, NO_COLOR (any value but an empty one) and the locale.
 * @param environment as process.env
 */
export function chooseDisplay(environment: Readonly<Record<string, string | undefined>>): Display {
  const term = environment['TERM'] ?? '';
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  const isUtf8 = /utf-?8/i.test(locale);
  return {
    palette: choosePalette(term, environment),
    glyphs: !isUtf8 ? ASCII : term.startsWith('linux') ? LINUX_CONSOLE : UNICODE,
  };
}

function choosePalette(term: string, environment: Readonly<Record<string, string | undefined>>): Palette {
  if (environment['NO_COLOR'] || COLOURLESS.test(term)) return MONOCHROME;
  return /256|direct/.test(term) || environment['COLORTERM'] ? COLOURS_256 : COLOURS_16;
}
