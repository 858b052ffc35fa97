import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRunnerOptions } from '../../../client-plugin/plugin-runner/run-plugins.js';
import { environmentFor, optionsFor } from '../../../client-plugin/plugin-runner/settings.js';
import { UsageError } from '../../../common/cli.js';
import { temporaryDirectory } from '../prompts/at-terminal.js';
import type { Cleanup } from '../prompts/at-terminal.js';

function read(t: Cleanup, text: string, ...argv: string[]) {
  const file = join(temporaryDirectory(t), 'plugin-runner.conf');
  writeFileSync(file, text);
  const faults: string[] = [];
  const options = readRunnerOptions([`--config-file=${file}`, ...argv], message =>
    faults.push(message.replace(file, 'FILE')),
  );
  return { options, faults };
}

test('each word that makes no sense is named with its line, and the rest counts', t => {
  const { options, faults } = read(
    t,
    `--options-for=a:--x  # a comment
word --userid=nobody -d b
--nonsense=1 -E a --global-env =x -dc
\t--disable= --help --config-file=/x --config-file /y --debug=1
-d`,
  );
  const see = '(see plugin-runner --help)';
  assert.deepEqual(faults, [
    `FILE:2: "word" is ignored: unexpected argument 'word' ${see}`,
    `FILE:3: "--nonsense=1" is ignored: unknown option '--nonsense' ${see}`,
    'FILE:4: "--help" is ignored: it is for the command line',
    'FILE:4: "--config-file=/x" is ignored: this file cannot name another',
    'FILE:4: "--config-file" is ignored: this file cannot name another',
    `FILE:4: "--debug=1" is ignored: option '--debug' does not take an argument ${see}`,
    `FILE:5: "-d" is ignored: option '-d' needs an argument: PLUGIN ${see}`,
    'FILE:2: "--userid=nobody" is ignored: "nobody" is not the number of a user or group',
    'FILE:3: "-E" is ignored: there is no colon behind the name of a plugin in "a"',
    'FILE:3: "--global-env" is ignored: "=x" is not NAME=VALUE',
    'FILE:4: "--disable=" is ignored: the name of the plugin is missing',
  ]);
  assert.deepEqual(optionsFor(options, 'a'), ['--x']);
  const off = [...options.plugins].filter(([, { isEnabled }]) => !isEnabled).map(([name]) => name);
  assert.deepEqual(off, ['b', 'c']);
});

test('a wrong command line is refused', t => {
  for (const argument of [
    '--nonsense',
    'word',
    '-Ea',
    '--disable=',
    '--userid=x',
    '-G=x',
    '--groupid=4294967295',
  ])
    assert.throws(() => read(t, '', argument), UsageError, argument);
});

test('the command line comes after the file, of which there may be none', t => {
  const { options } = read(
    t,
    '--plugin-dir=/conf --plugin-helper-dir /conf --userid=1 --groupid=2 -G A=1 -o a:1 -d a',
    '--plugin-dir',
    '/argv',
    '--userid=3',
    '-G',
    'A=2',
    '-o',
    'a:2',
    '-e',
    'a',
  );
  const { pluginDirectory, helperDirectory, userId, groupId } = options;
  assert.deepEqual([pluginDirectory, helperDirectory, userId, groupId], ['/argv', '/conf', 3, 2]);
  assert.deepEqual(optionsFor(options, 'a'), ['1', '2']);
  assert.equal(environmentFor(options, 'a', { A: '0' })['A'], '2');
  assert.equal(options.plugins.get('a')?.isEnabled, true);
  assert.deepEqual(
    readRunnerOptions(['--config-file=/nonexistent'], message => assert.fail(message)).plugins,
    new Map(),
  );
});

test('a file that cannot be read is reported, and is no reason to stop', t => {
  const directory = join(temporaryDirectory(t), 'plugin-runner.conf');
  mkdirSync(directory);
  const faults: string[] = [];
  readRunnerOptions([`--config-file=${directory}`], message => faults.push(message));
  assert.deepEqual(faults, [
    `cannot read ${directory}, and go on without it: illegal operation on a directory`,
  ]);
});
