import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentedCodes, documentedMessages, quotedLines } from './document.js';
import { extractMessages } from './extract.js';
import { lineChecker } from './quoted-line.js';
import { parse, parseSources } from './syntax.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { messages, codes } = extractMessages(
  parseSources(ROOT, ['server', 'client-plugin', 'monitor', 'common', 'initramfs-hooks']),
);
const read = (name: string) => readFileSync(join(ROOT, 'docs', name), 'utf8');

/** What is in one of them only, so that the difference shows what to write or to take out. */
function difference(one: Iterable<string>, other: Iterable<string>): string[] {
  const known = new Set(other);
  return [...new Set(one)].filter(each => !known.has(each)).toSorted();
}

function extract(text: string): string[] {
  const sources = [{ file: 'a.ts', tree: parse(text, 'a.ts') }];
  return extractMessages(sources).messages.map(({ pattern, use }) => `${use}: ${pattern}`);
}

test('docs/errors.md has every message of the log and every error, and none that there is not', () => {
  const said = messages
    .filter(({ use }) => use !== 'reason')
    .map(({ pattern, use }) => `${pattern} (${use})`);
  const documented = documentedMessages(read('errors.md'))
    .filter(({ use }) => use !== 'part')
    .map(({ pattern, use }) => `${pattern} (${use})`);
  assert.deepEqual(difference(said, documented), [], 'said by a program, but not in docs/errors.md');
  assert.deepEqual(difference(documented, said), [], 'in docs/errors.md, but said by no program');
});

test('docs/errors.md has only parts of messages that are in the sources', () => {
  const parts = documentedMessages(read('errors.md')).filter(({ use }) => use === 'part');
  const known = messages.map(({ pattern }) => pattern);
  assert.deepEqual(
    difference(
      parts.map(({ pattern }) => pattern),
      known,
    ),
    [],
  );
});

test('every entry of docs/errors.md says what it means, and stands there once', () => {
  const text = read('errors.md');
  const items = text.split('\n').filter(line => line.startsWith('- `'));
  const bare = items.filter(line => !/`[^`]+` \(\w+\): \S.{5}/.test(line));
  assert.deepEqual(bare, []);
  const keys = documentedMessages(text).map(({ pattern, use }) => `${pattern} (${use})`);
  assert.deepEqual(
    keys.filter((key, i) => keys.indexOf(key) !== i),
    [],
  );
});

test('docs/errors.md has every code of an error or refusal, and none that there is not', () => {
  const documented = documentedCodes(read('errors.md'));
  assert.deepEqual(difference(codes, documented), [], 'a code that is not in docs/errors.md');
  assert.deepEqual(difference(documented, codes), [], 'in docs/errors.md, but no code');
});

test('docs/troubleshooting.md quotes only lines that the programs say', () => {
  const lines = quotedLines(read('troubleshooting.md'));
  assert.ok(lines.length > 0, 'there are quoted lines');
  const canBeSaid = lineChecker(messages);
  assert.deepEqual(
    lines.filter(line => !canBeSaid(line)),
    [],
  );
});

test('a line of which a word has changed is not taken for one that is said', () => {
  const canBeSaid = lineChecker(messages);
  assert.ok(canBeSaid('mandos: warning: refused [fe80::1%eth0]:4711: client web1 is disabled'));
  assert.ok(!canBeSaid('mandos: refused [fe80::1%eth0]:4711: client web1 is disabled'), 'another level');
  assert.ok(!canBeSaid('mandos: warning: rejected [fe80::1%eth0]:4711: client web1 is disabled'));
  assert.ok(!canBeSaid('mandos: warning: refused [fe80::1%eth0]:4711: the client web1 was switched off'));
});

test('messages are followed through variables, parameters, callbacks and functions', () => {
  const text = `
    const WHY = { a: 'the first of all', b: 'the second of all' };
    function why(kind) { return kind === 1 ? \`one \${kind} is wrong\` : WHY[kind]; }
    function report(text) { log.warning(text); }
    report(\`it is bad: \${why(2)}\`);
    const line = isBig ? 'it is too big' : 'it is too small';
    log.error(line);
    log.debug('nobody documents that');
    for (const each of names.map(name => \`\${name} is there\`)) this.#log.info(each);
    function fault(code, what) { return new MandosError(code, \`it failed: \${what}\`); }
    throw fault('SOME_CODE', 'not at once');
    function say(level, line) { log[level](\`\${line}\${more}\`); }
    say('warning', \`\${name} is not there\`);
    log[isBad ? 'warning' : 'info']('it is there');
    log.info(\`\${name}: \${ok ? 'approved' : 'denied'} by \${who}\`);
  `;
  assert.deepEqual(
    extract(text).toSorted(),
    [
      'SOME_CODE: it failed: …',
      'error: it is too big',
      'error: it is too small',
      'info: it is there',
      'info: … is there',
      'info: …: approved by …',
      'info: …: denied by …',
      'reason: not at once',
      'reason: one … is wrong',
      'reason: the first of all',
      'reason: the second of all',
      'warning: it is bad: …',
      'warning: it is there',
      'warning: … is not there',
    ].toSorted(),
  );
});
