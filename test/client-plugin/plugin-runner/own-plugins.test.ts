import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { requires } from '../../support/requires.js';
import { AtTerminal } from '../prompts/at-terminal.js';
import { makePlugins, PLUGIN_RUNNER } from './scene.js';

const NEEDS = requires('root', 'unshare', 'script');

const runner = (directory: string, ...args: string[]) => [
  process.execPath,
  PLUGIN_RUNNER,
  `--plugin-dir=${directory}`,
  '--config-file=/dev/null',
  ...args,
];

test('a link to the program itself is a plugin within its process, with its own options', NEEDS, async t => {
  const directory = makePlugins(t, {}, ['password-prompt']);
  const terminal = new AtTerminal(t, runner(directory, '--debug', '-o', 'password-prompt:--prefix,host'));
  await terminal.waitFor(/password-prompt: started within this process/);
  await terminal.waitFor(/^host Enter passphrase to unlock the disk: $/m);
  terminal.type('secret\n');
  assert.equal(await terminal.status(), 0);
  assert.equal(terminal.password(), 'secret');
});

test('a file of the same name is run instead', NEEDS, async t => {
  const directory = makePlugins(t, { 'password-prompt': 'printf other' });
  const terminal = new AtTerminal(t, runner(directory));
  assert.equal(await terminal.status(), 0);
  assert.equal(terminal.password(), 'other');
});

test(
  'the terminal shows again what is typed when another plugin wins; lines leave the prompt as it is',
  NEEDS,
  async t => {
    const directory = makePlugins(
      t,
      {
        z: `until [ -e "$(dirname "$0")/.go" ]; do sleep 0.1; done; printf password`,
        y: 'sleep 1; kill -SEGV $$',
      },
      ['password-prompt'],
    );
    const terminal = new AtTerminal(t, runner(directory));
    await terminal.waitFor(/error: y: ended by SIGSEGV\r\nEnter passphrase to unlock the disk: $/);
    terminal.type('never sent');
    writeFileSync(join(directory, '.go'), '');
    assert.equal(await terminal.status(), 0);
    assert.equal(terminal.password(), 'password');
  },
);

for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
  test(`${name} ends the plugins of both kinds and then plugin-runner`, NEEDS, async t => {
    const directory = makePlugins(
      t,
      {
        x: 'trap \'echo "x has ended" >&2; exit 1\' TERM INT; echo "x is there" >&2; while :; do sleep 0.1; done',
      },
      ['password-prompt'],
    );
    const terminal = new AtTerminal(t, runner(directory));
    await terminal.waitFor(/x is there[^]*: $/);
    terminal.signal(name);
    await terminal.waitFor(/x has ended/);
    assert.equal(await terminal.status(), { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[name]);
    assert.equal(terminal.password(), '');
  });
}

test(
  'what a plugin within the process gets wrong is said in one line, and another has its turn',
  NEEDS,
  async t => {
    const directory = makePlugins(t, { z: 'sleep 1; printf password' }, ['mandos-client', 'plymouth']);
    const args = ['--options-for=mandos-client:--seckey=/nonexistent', '-o', 'plymouth:--nonsense'];
    const terminal = new AtTerminal(t, runner(directory, ...args));
    assert.equal(await terminal.status(), 0);
    assert.equal(terminal.password(), 'password');
    assert.match(
      terminal.output,
      /error: mandos-client: cannot read the key file \/nonexistent: no such file/,
    );
    assert.match(terminal.output, /error: plymouth: unknown option '--nonsense'/);
  },
);

test('an error that nobody catches ends what it comes from, and nothing else', async t => {
  const program = join(import.meta.dirname, 'crashing.js');
  const said = `a timer: Error: thrown
a promise: Error: rejected
one: Error: first
two: Error: second
still there
`;
  for (const [args, code, stderr] of [
    [[], 0, ''],
    [['outside'], 1, 'crashing: critical: internal error, please report it: outside\n'],
  ] as const) {
    const child = new Child(process.execPath, [program, ...args], { env: { NO_COLOR: '1' } });
    t.after(() => child.kill());
    assert.deepEqual(await child.waitForExit(), { code, signal: null });
    assert.deepEqual([child.stdout, child.stderr], [said, stderr]);
  }
});
