import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { expandChecker, shellQuote } from '../../../server/client/checker-expansion.js';
import { checkerProblem } from '../../../server/client/checker-format.js';
import { requires } from '../../support/requires.js';
import { pick, seededRandom } from '../../support/random.js';

/** Texts of characters that mean something to a shell, to "%" or to nobody. */
function texts(count: number): string[] {
  const random = seededRandom(20);
  const characters = [
    ...'ab_9%@+=:,./-~#$`"\'\\!*?[]{}()<>|&; \t\n^'.split(''),
    'é',
    'ß',
    '\u{1f512}',
    '$&',
    '%s',
  ];
  const [first = '', ...rest] = characters;
  const text = () => Array.from({ length: Math.floor(random() * 6) }, () => pick(random, [first, ...rest]));
  return Array.from({ length: count }, () => text().join(''));
}

function python(script: string, input: unknown): unknown {
  const output = execFileSync(
    'python3',
    ['-c', `import json, shlex, sys\nvalue = json.load(sys.stdin)\n${script}`],
    {
      input: JSON.stringify(input),
      encoding: 'utf8',
    },
  );
  return JSON.parse(output);
}

test('text is quoted for the shell as Python quotes it', requires('python3'), () => {
  const all = ['', 'web1.example.org', 'fe80::1%eth0', ...texts(2000)];
  const expected = python('print(json.dumps([shlex.quote(text) for text in value]))', all);
  assert.deepEqual(all.map(shellQuote), expected);
});

test('the shell gives quoted text back unchanged', () => {
  const all = ['', ...texts(200)];
  const command = `printf '%s\\0' ${all.map(shellQuote).join(' ')}`;
  const output = execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' });
  assert.deepEqual(output.split('\0').slice(0, -1), all);
});

test('commands are expanded as by Python', requires('python3'), () => {
  const parts = texts(2000).filter(text => !text.includes('%'));
  const commands = parts.map((text, i) => [
    `${text}%(host)s%%(host)s${text}%%%(name)s%%%%`,
    { host: text, name: parts[i + 1] ?? '' },
  ]);
  const script = `print(json.dumps([c % {k: shlex.quote(v) for k, v in d.items()} for c, d in value]))`;
  const expanded = commands.map(([command, values]) => {
    assert.equal(checkerProblem(command as string), undefined);
    return expandChecker(command as string, name => (values as Record<string, string>)[name] ?? 'missing');
  });
  assert.deepEqual(expanded, python(script, commands));
});

test('only the attributes that the command names are asked for', () => {
  const asked: string[] = [];
  const attribute = (name: string) => {
    asked.push(name);
    return name;
  };
  assert.equal(expandChecker('ping %(host)s %%(name)s', attribute), 'ping host %(name)s');
  assert.deepEqual(asked, ['host']);
});
