import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cells, clean, fit, fitLine, paint, span, wrap } from '../../../monitor/screen/cells.js';
import { chooseDisplay } from '../../../monitor/screen/looks.js';
import { GLYPHS, textOf } from './scene.js';

const ASCII = chooseDisplay({ TERM: 'vt100', LANG: 'C' });

test('texts from elsewhere cannot speak to the terminal, and have a known width', () => {
  assert.equal(clean('web1'), 'web1');
  assert.equal(clean('\x1b[2Jweb\x9b1\n'), '\\x1b[2Jweb\\x9b1\\x0a');
  assert.equal(clean('a\u{1f600}b\u200bc\u0301'), 'a?b?\u0107');
  assert.equal(clean('\ud800x'), '?x');
  assert.equal(cells('\u6771\u4eac1'), 5);
});

test('a text is cut or filled to a number of cells', () => {
  assert.equal(fit('web1', 6, GLYPHS), 'web1  ');
  assert.equal(fit('web1', 6, GLYPHS, 'right'), '  web1');
  assert.equal(fit('webserver', 6, GLYPHS), 'webse…');
  assert.equal(fit('webserver', 6, ASCII.glyphs), 'webse~');
  for (const width of [0, 1, 2, 3, 4, 5, 6])
    assert.equal(cells(fit('\u6771\u4eac\u6771', width, GLYPHS)), width, `${width}`);
});

test('a line is cut or filled to a number of cells', () => {
  const line = [span('ab', 'bad'), span('\u6771\u4eac', 'good')];
  for (const width of [0, 1, 2, 3, 4, 5, 6, 9])
    assert.equal(cells(textOf(fitLine(line, width))), width, `${width}`);
  assert.deepEqual(fitLine(line, 7), [...line, span(' ', 'good')]);
});

test('long texts are broken at spaces where there are some', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('ABCDEFGHIJ', 4), ['ABCD', 'EFGH', 'IJ']);
  assert.deepEqual(wrap('', 4), ['']);
  assert.deepEqual(wrap('\u6771\u4eac', 1), ['\u6771', '\u4eac']);
});

test('a line is painted in the colours and characters that the terminal has', () => {
  const line = [span('web1 '), span('\u6771\u2026', 'bad')];
  assert.equal(
    paint(line, chooseDisplay({ TERM: 'xterm-256color', LANG: 'C.UTF-8' })),
    'web1 \x1b[31m\u6771\u2026\x1b[m',
  );
  assert.equal(paint(line, ASCII), 'web1 \x1b[1m???\x1b[m');
});

test('colours and characters are chosen by terminal, locale and NO_COLOR', () => {
  const chosen = (environment: Record<string, string>) => {
    const { palette, glyphs } = chooseDisplay(environment);
    const colours = palette.bar.includes('48;5') ? 256 : palette.bar === '7' ? 0 : 16;
    return [colours, glyphs.enabled];
  };
  const LANG = 'en_GB.UTF-8';
  assert.deepEqual(chosen({ TERM: 'xterm-256color', LANG }), [256, '●']);
  assert.deepEqual(chosen({ TERM: 'screen-256color', LANG }), [256, '●']);
  assert.deepEqual(chosen({ TERM: 'screen', LANG }), [16, '●']);
  assert.deepEqual(chosen({ TERM: 'xterm', LANG, COLORTERM: 'truecolor' }), [256, '●']);
  assert.deepEqual(chosen({ TERM: 'linux', LANG }), [16, '•']);
  assert.deepEqual(chosen({ TERM: 'vt100', LANG }), [0, '●']);
  assert.deepEqual(chosen({ TERM: 'xterm-mono', LANG }), [0, '●']);
  assert.deepEqual(chosen({ TERM: 'xterm-256color', LANG, NO_COLOR: '1' }), [0, '●']);
  assert.deepEqual(chosen({ TERM: 'xterm-256color', LANG, NO_COLOR: '' }), [256, '●']);
  assert.deepEqual(chosen({ TERM: 'xterm-256color', LANG, LC_ALL: 'C' }), [256, '*']);
  assert.deepEqual(chosen({ TERM: 'xterm-256color' }), [256, '*']);
});
