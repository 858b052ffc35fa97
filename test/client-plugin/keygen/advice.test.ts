import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keygenCommand } from '../../../client-plugin/keygen/advice.js';
import { command } from './keygen.js';

test('a command names the directory unless it is the default', () => {
  assert.equal(keygenCommand('/etc/keys/mandos', '--force'), 'mandos-keygen --force');
  assert.equal(keygenCommand('k2', '--password'), 'mandos-keygen --password --dir=k2');
  assert.equal(keygenCommand('/k'), 'mandos-keygen --dir=/k');
});

test('a shell reads the directory as it is', () => {
  const directory = "it's $HOME; `x` \\";
  const script = keygenCommand(directory).replace('mandos-keygen', 'printf %s');
  assert.equal(command('sh', ['-c', script]).toString(), `--dir=${directory}`);
});
