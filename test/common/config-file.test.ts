import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault, quote } from '../../common/config-fault.js';
import { parseConfigFile, printableKey } from '../../common/config-file.js';

function parse(text: string | Uint8Array) {
  return parseConfigFile(Buffer.from(text), 'clients.conf');
}

function faultsOf(text: string | Uint8Array): string[] {
  return parse(text).faults.map(formatFault);
}

test('an option knows the line in the file of each line of its value', () => {
  const { sections } = parse('[a]\nsecret =\n\n  x\n# comment\n  y\n\n\nhost = h\n');
  assert.deepEqual(sections[0]?.options.get('secret'), {
    key: 'secret',
    raw: '\n\nx\ny',
    lines: [2, 3, 4, 6],
  });
  assert.deepEqual(sections[0]?.options.get('host'), { key: 'host', raw: 'h', lines: [9] });
});

test('every fault of a file is reported, with its line', () => {
  const text = `host = a
timeout = PT1M
[web1]
host = a
Host = b
[web2]
text
more text
= x
x = 1
[web1]
= y
[]
`;
  assert.deepEqual(faultsOf(text), [
    'clients.conf:1: stands before the first section (begin the file with a line "[DEFAULT]")',
    'clients.conf:5: [web1] host: stands in line 4 already',
    'clients.conf:7: [web2]: is neither "[section]" nor "option = value" (indent it if it continues the value above)',
    'clients.conf:11: [web1]: stands in line 3 already',
    'clients.conf:12: [web1]: has no option name',
  ]);
});

test('an empty section name is reported as such', () => {
  assert.deepEqual(faultsOf('[a]\n[]\n'), ['clients.conf:2: [a]: has an empty section name']);
});

test('of duplicates the first counts', () => {
  const { sections } = parse('[a]\nx = 1\nx = 2\n[a]\nx = 3\n');
  assert.equal(sections.length, 1);
  assert.equal(sections[0]?.options.get('x')?.raw, '1');
});

test('[DEFAULT] may stand there several times', () => {
  const { defaults, faults } = parse('[DEFAULT]\nx = 1\n[a]\n[DEFAULT]\ny = 2\n');
  assert.deepEqual(faults, []);
  assert.deepEqual([...(defaults?.options.keys() ?? [])], ['x', 'y']);
});

test('a byte order mark and bytes that are not UTF-8 are named', () => {
  assert.deepEqual(faultsOf('\ufeff[a]\n'), [
    'clients.conf:1: begins with a byte order mark (save the file as UTF-8 without one)',
  ]);
  assert.deepEqual(faultsOf(Buffer.from('[a]\n# Ger\xe4t\nx = 1\n', 'latin1')), [
    'clients.conf:2: is not UTF-8 text (convert the file, for example with iconv)',
  ]);
  assert.deepEqual(faultsOf('[a]\nx = a\0b\n'), ['clients.conf:2: has a NUL character']);
});

test('a fault never forges lines or speaks to a terminal', () => {
  const fault = { file: 'f\n', line: 1, section: 'a\x1b[31m', message: 'x\ny', severity: 'error' } as const;
  assert.equal(formatFault(fault), 'f\\x0a:1: [a\\x1b[31m]: x\\x0ay');
});

test('names of options that may be lines of a secret are not shown', () => {
  assert.equal(printableKey('time-out.1'), 'time-out.1');
  assert.equal(printableKey('hqioa6qdejbs2l/heaf'), '"…"');
  assert.equal(printableKey('hqioa6qdejbs2lheafhqioa6qdejbs2lheaf'), '"…"');
  assert.deepEqual(faultsOf(`[a]\n${'A'.repeat(64)}=\n${'A'.repeat(64)}=\n`), [
    'clients.conf:3: [a] "…": stands in line 2 already',
  ]);
});

test('long values are cut in messages', () => {
  assert.equal(quote('x'.repeat(60)), `"${'x'.repeat(60)}"`);
  assert.equal(quote('x'.repeat(61)), `"${'x'.repeat(60)}…"`);
});
