import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandValue } from '../../../common/config-expansion.js';
import type { ConfigSection } from '../../../common/config-file.js';
import { parseConfigFile } from '../../../common/config-file.js';
import { parseDuration } from '../../../common/duration.js';
import { expandPath } from '../../../server/config/path-expansion.js';
import { pick, seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';
import type { Outcome } from './original.js';
import { askOriginal, fileInput } from './original.js';

interface PythonFile {
  readonly defaults: [string, string][];
  readonly sections: [string, [string, string][]][];
}

const SEED = 20261121;

/** Pieces of lines in which the format's rules meet. */
// prettier-ignore
const PIECES = [
  '[DEFAULT]', '[a]', '[b]', '[A]', '[a]b]', '[c] text', '[]', '[ ]', '[', ']', '[a', '[DEFAULT ]', '[default]',
  'x = 1', 'x=2', 'X: 3', 'x', 'y :4', 'y = a = b : c', '= 5', ': 6', 'z =', 'z:', 'two words = 1', 'ké = v',
  '# comment', '; comment', 'x = 1 # no comment', 'x = 1 ; none', 'rem = x', '#', ';',
  'more', 'more = x', '"quoted"', '%(x)s', '%', 'x = %(y)s', '\ufeffx = 1', 'ä = ö', 'x \u00a0=\u00a0 1',
  '\x1cx = 1', 'x = 1\x85', '\u2028x = 1\u2028', 'x = \ufeff', '\x0bx = 1\x0c', 'İ = 1', '\u3000',
] as const;
// prettier-ignore
const INDENTS = ['', '', '', '', ' ', '  ', '\t', ' \t', '    ', '\x0c', '\u00a0'] as const;
// prettier-ignore
const LINE_ENDS = ['\n', '\n', '\n', '\n', '\r\n', '\r', '\n\n', '\n \n', '\n\t\n', ''] as const;

function randomFile(random: () => number): string {
  const lines = Math.floor(random() * 9);
  let text = random() < 0.8 ? pick(random, ['[DEFAULT]\n', '[a]\n', '[z]\nx = 0\n', '  [i]\n']) : '';
  for (let i = 0; i < lines; i++)
    text += pick(random, INDENTS) + pick(random, PIECES) + pick(random, LINE_ENDS);
  return text;
}

test('files of random lines are read, or refused, as configparser does', requires('python3'), () => {
  const random = seededRandom(SEED);
  const texts = Array.from({ length: 6000 }, () => randomFile(random));
  const theirs = askOriginal<PythonFile>('format', texts.map(fileInput));
  let accepted = 0;
  texts.forEach((text, i) => {
    const ours = parseConfigFile(Buffer.from(text), 'x.conf');
    const rows = (section: ConfigSection) =>
      Array.from(section.options.values(), ({ key, raw }) => [key, raw]);
    const outcome =
      ours.faults.length > 0
        ? 'refused'
        : {
            defaults: ours.defaults ? rows(ours.defaults) : [],
            sections: ours.sections.map(section => [section.name, rows(section)]),
          };
    const expected = resultOf(theirs[i]) ?? 'refused';
    if (expected !== 'refused') accepted++;
    assert.deepEqual(outcome, expected, JSON.stringify(text));
  });
  // Both kinds must be there in numbers for the comparison to mean anything.
  assert.ok(accepted > 500 && accepted < texts.length - 500, `${accepted} accepted`);
});

test(
  'files of random bytes are refused or read as configparser does, and never throw',
  requires('python3'),
  () => {
    const random = seededRandom(SEED);
    const bytes = [...Buffer.from('[]=:#; \t\n\nab%\xc3\xa9\xff\x80', 'latin1')] as [number, ...number[]];
    const files = Array.from({ length: 3000 }, () => {
      const length = Math.floor(random() * 24);
      return Buffer.concat([
        Buffer.from('[a]\n'),
        Buffer.from(Array.from({ length }, () => pick(random, bytes))),
      ]);
    });
    const theirs = askOriginal<PythonFile>('format', files.map(fileInput));
    files.forEach((file, i) => {
      const ours = parseConfigFile(file, 'x.conf');
      assert.equal(ours.faults.length > 0, resultOf(theirs[i]) === undefined, file.toString('latin1'));
    });
  },
);

test('values of random references expand, or are refused, as in configparser', requires('python3'), () => {
  const random = seededRandom(SEED);
  // What is right first, so that whole chains can be.
  // prettier-ignore
  const pieces = [
    '%(a)s', '%(b)s', '%(C)s', '%(d)s', '%%', '%%(a)s', 'text', '', ' ',
    '%(nope)s', '%', '%(a)', '%()s', '%(a',
  ];
  const piece = () => pieces[Math.floor(random() * (random() < 0.9 ? 9 : pieces.length))];
  const value = () => Array.from({ length: Math.floor(random() * 3) }, piece).join('');
  const inputs = Array.from({ length: 4000 }, () => ({ a: value(), b: value(), c: 'C', d: value() }));
  const theirs = askOriginal<Record<string, string>>('expansion', inputs);
  let accepted = 0;
  inputs.forEach((input, i) => {
    const lookup = new Map(Object.entries(input));
    const ours = Object.entries(input).map(
      ([key, raw]) => [key, expandValue(raw, name => lookup.get(name))] as const,
    );
    const result = ours.every(([, expansion]) => 'value' in expansion)
      ? Object.fromEntries(ours.map(([key, expansion]) => [key, 'value' in expansion ? expansion.value : '']))
      : undefined;
    if (result) accepted++;
    assert.deepEqual(result, resultOf(theirs[i]), JSON.stringify(input));
  });
  assert.ok(accepted > 500 && accepted < inputs.length - 500, `${accepted} accepted`);
});

test('references are followed as deep as configparser follows them', requires('python3'), () => {
  const chains = [8, 9, 10, 11, 12].map(depth =>
    Object.fromEntries(
      Array.from({ length: depth }, (_, i) => [`k${i}`, i === depth - 1 ? 'end%%' : `%(k${i + 1})s`]),
    ),
  );
  const theirs = askOriginal<Record<string, string>>('expansion', chains);
  chains.forEach((chain, i) => {
    const expansion = expandValue(chain['k0'] ?? '', key => chain[key]);
    assert.equal(
      'value' in expansion,
      resultOf(theirs[i]) !== undefined,
      `${Object.keys(chain).length} deep`,
    );
  });
});

/** Durations that the original takes and this server refuses. */
const REFUSED_DURATIONS = new Map([
  ['', 'an empty value is zero to the original: a client that is disabled at once'],
  [' ', 'as the empty one'],
  ['-1d', 'a negative time means nothing'],
  ['+1d', 'digits only'],
  ['1_0s', 'digits only'],
  ['\u0663s', 'digits only'],
  ['99999999w', 'beyond the thousand years allowed'],
  ['P1001Y', 'beyond the thousand years allowed'],
  ['PT5M\n', 'an accident of its regular expression; a value never ends so'],
]);

/** Durations that this server takes and the original does not: RFC 3339 lets a time follow a month or a year. */
const ADDED_DURATIONS = /^P[0-9YM]+T/;

const DATE = ['Y', 'M', 'D'];
const TIME = ['H', 'M', 'S'];
const OLD_UNITS = ['w', 'd', 'h', 'm', 's'];

test("durations have the original's length, and what it refuses is refused", requires('mandos'), () => {
  const random = seededRandom(SEED);
  const amount = (units: readonly string[]) =>
    units.map(unit => (random() < 0.5 ? `${Math.floor(random() * 100)}${unit}` : ''));
  // prettier-ignore
  const texts = [
    ...REFUSED_DURATIONS.keys(),
    'P1Y2M3DT4H5M6S', 'P2W', 'P1W2D', 'PT0S', 'P5', 'PT', 'P', 'P1DT', 'p1d', 'PT1.5S', ' PT5M', 'PT5M ', 'P007D',
    '1d 5m 3h 1w 30s', '5', '5x', '1d5m', '1d  5m', ' 1d ', '1d\t3h', '1.5d', '1 d', '1D', 'd', 'PT5M 3d', 'P1000Y',
    ...Array.from({ length: 500 }, () => `P${amount(DATE).join('')}${random() < 0.7 ? `T${amount(TIME).join('')}` : ''}`),
    ...Array.from({ length: 300 }, () => amount(OLD_UNITS).filter(Boolean).join(' ')).filter(Boolean),
  ];
  const theirs = askOriginal<number>('duration', texts);
  texts.forEach((text, i) => {
    const ours = parseDuration(text);
    const result = 'ms' in ours ? ours.ms : undefined;
    const expected = resultOf(theirs[i]);
    if (REFUSED_DURATIONS.has(text)) {
      assert.notEqual(expected, undefined, `${JSON.stringify(text)} is no difference`);
      assert.equal(result, undefined, JSON.stringify(text));
    } else if (expected !== undefined || !ADDED_DURATIONS.test(text)) {
      assert.equal(result, expected, JSON.stringify(text));
    }
  });
});

test("paths of secret files expand as Python's do", requires('python3'), () => {
  const environment = { HOME: '/home/x/', DIR: '/dir', EMPTY: '', A1_b: 'v' };
  // prettier-ignore
  const paths = [
    '/plain', '~', '~/f', '~root', '~root/f', '~daemon/f', '~nobody-there/f', '$DIR/f', '${DIR}/f', '$DIRf', 'a~/f',
    '$NOT_SET/f', '${NOT_SET}/f', '${}', '$', '$$DIR', '\\$DIR', '${DIR', '$A1_b', '${A1_b}x', '$EMPTY', '~$EMPTY/f',
    '$1', '${DIR}${DIR}', '', 'relative', '~$DIR',
  ];
  const theirs = askOriginal<string>('path', paths, environment);
  paths.forEach((path, i) => {
    const ours = expandPath(path, {
      environment: name => (environment as Record<string, string>)[name],
      homeOf: user => ({ '': environment.HOME, root: '/root', daemon: '/usr/sbin' })[user],
    });
    assert.equal(ours, resultOf(theirs[i]), path);
  });
});

function resultOf<T>(outcome: Outcome<T> | undefined): T | undefined {
  assert.ok(outcome, 'an outcome for each input');
  return 'result' in outcome ? outcome.result : undefined;
}
