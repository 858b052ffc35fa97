import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROGRAM } from '../../../monitor/ctl/command-line.js';
import type { Host } from '../../support/namespace.js';
import { requires } from '../../support/requires.js';
import { Terminals } from '../screen/window.js';
import { MANDOS_CTL, ORIGINAL, originalServer } from './scene.js';

const COMPLETIONS = join(import.meta.dirname, '../../../../packaging/completions');

/** A directory for PATH with a mandos-ctl. */
function binDirectory(host: Host): string {
  const bin = join(host.runDirectory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'mandos-ctl'), `#!/bin/sh\nexec "${process.execPath}" "${MANDOS_CTL}" "$@"\n`);
  chmodSync(join(bin, 'mandos-ctl'), 0o755);
  return bin;
}

test('bash completes options and the names of clients', ORIGINAL, async t => {
  const host = await originalServer(t);
  const bin = binDirectory(host);
  symlinkSync(join(COMPLETIONS, 'bash/mandos-ctl'), join(bin, 'completion'));
  const script = `
    PATH=$1:$PATH; . "$1/completion"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mandos_ctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const complete = async (...words: string[]) => {
    const { stdout, stderr } = await host.run('bash', ['-c', script, 'bash', bin, 'mandos-ctl', ...words]);
    assert.equal(stderr, '');
    return stdout.trim().split('\n').toSorted();
  };
  assert.deepEqual(await complete('-e', ''), ['Alpha', 'db-2', 'web1.example.org', 'zulu']);
  assert.deepEqual(await complete('w'), ['web1.example.org']);
  assert.deepEqual(await complete('--st'), ['--start-checker', '--stop-checker']);
  assert.deepEqual(await complete('--log-level', '=', 'd'), ['debug']);
  const options = PROGRAM.options.map(
    ({ name, argument }) => `--${name}${argument === undefined ? '' : '='}`,
  );
  assert.deepEqual(await complete('--'), options.toSorted());
});

test(
  'zsh completes options, their arguments, and the names of clients',
  { ...ORIGINAL, ...requires('tmux', 'zsh') },
  async t => {
    const host = await originalServer(t);
    const PATH = `${binDirectory(host)}:${process.env['PATH'] ?? ''}`;
    const terminals = await Terminals.open(host);
    const window = await terminals.window({ columns: 120, rows: 60, command: ['zsh', '-f'], env: { PATH } });
    const type = async (line: string) => {
      await window.bytes(line);
      await window.keys('Tab');
    };
    await window.bytes(
      `PS1='$ ' fpath=('${join(COMPLETIONS, 'zsh')}' $fpath); autoload -Uz compinit; compinit -D -u; echo rea''dy`,
    );
    await window.keys('Enter');
    await window.waitFor(/^ready$/m);

    await type('mandos-ctl --dis');
    await window.waitFor(/^\$ mandos-ctl --disable$/m);
    await type('w');
    await window.waitFor(/--disable web1\.example\.org$/m);
    await window.keys('C-u');
    await type('mandos-ctl --log-level=d');
    await window.waitFor(/^\$ mandos-ctl --log-level=debug$/m);
    await window.keys('C-u');
    await type('mandos-ctl -e ');
    await window.waitFor(/^Alpha +db-2 +web1\.example\.org +zulu/m);
    await window.keys('C-u');
    await type('mandos-ctl --');
    for (const { name } of PROGRAM.options) await window.waitFor(new RegExp(`^--${name} +-- `, 'm'));
    await window.keys('C-c');
    await window.bytes('exit');
    await window.keys('Enter');
    await window.waitFor(/^ended: /m);
  },
);
