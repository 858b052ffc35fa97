import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { mandosClientTree, requires } from '../../support/requires.js';
import { AtTerminal } from './at-terminal.js';

const OURS = join(import.meta.dirname, '../../../client-plugin/prompts/password-prompt.js');
const PROGRAMS = {
  ours: [process.execPath, OURS],
  theirs: [join(mandosClientTree() ?? '', 'usr/lib/x86_64-linux-gnu/mandos/plugins.d/password-prompt')],
};
const NEEDS = requires('root', 'unshare', 'script');
const BOTH = requires('root', 'unshare', 'script', 'mandos-client');

const CASES: readonly {
  readonly what: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly typed?: string;
  readonly password?: string;
}[] = [
  { what: 'no option' },
  { what: 'a prefix', args: ['--prefix=host'] },
  { what: 'a prompt', args: ['--prompt', 'Password'], env: { CRYPTTAB_NAME: 'root' } },
  { what: 'both', args: ['-p', 'host', '--prompt=Password'] },
  { what: 'source and name', env: { CRYPTTAB_SOURCE: '/dev/sda1', CRYPTTAB_NAME: 'root' } },
  { what: 'a source', env: { CRYPTTAB_SOURCE: '/dev/sda1' } },
  { what: 'a name', env: { CRYPTTAB_NAME: 'root' } },
  { what: 'the old variables', env: { cryptsource: '/dev/sda1', crypttarget: 'root' } },
  { what: 'an empty line', typed: '\n', password: '' },
  { what: 'a line that is edited', typed: 'wrong\x15ab\x7fc d\x17e\n', password: 'ac e' },
  { what: 'a line that is ended with Ctrl-D', typed: 'abc\x04\x04', password: 'abc' },
  { what: 'blanks and other bytes', typed: ' a\tb \xff \n', password: ' a\tb \xff ' },
];

for (const { what, args = [], env = {}, typed = 'secret\n', password = 'secret' } of CASES) {
  test(`shows and prints what the original does: ${what}`, BOTH, async t => {
    const ends = await Promise.all(
      Object.values(PROGRAMS).map(async command => {
        const terminal = new AtTerminal(t, [...command, ...args], { env });
        await terminal.waitFor(/: $/);
        const shown = terminal.output;
        terminal.type(Buffer.from(typed, 'latin1'));
        const status = await terminal.status();
        return { shown, status, password: terminal.password() };
      }),
    );
    assert.deepEqual(ends[0], ends[1]);
    assert.deepEqual([ends[0]?.status, ends[0]?.password], [0, password]);
  });
}

// As it ends the original, which however misses a signal between its prompt and its reading.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${name} ends it, and the terminal shows again what is typed`, NEEDS, async t => {
    const terminal = new AtTerminal(t, PROGRAMS.ours);
    await terminal.waitFor(/: $/);
    terminal.signal(name);
    assert.equal(await terminal.status(), { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[name]);
    assert.equal(terminal.password(), '');
  });
}

test('Ctrl-C ends it, and what was typed is not printed', NEEDS, async t => {
  const terminal = new AtTerminal(t, PROGRAMS.ours);
  await terminal.waitFor(/: $/);
  terminal.type('secret\x03');
  assert.equal(await terminal.status(), 130);
  assert.equal(terminal.password(), '');
  assert.doesNotMatch(terminal.output, /secret/);
});

test('Ctrl-D in an empty line asks again', NEEDS, async t => {
  const terminal = new AtTerminal(t, PROGRAMS.ours);
  for (let i = 0; i < 3; i++) {
    await terminal.waitFor(/passphrase to unlock the disk: $/);
    terminal.type('\x04');
  }
  await terminal.waitFor(/passphrase to unlock the disk: $/);
  terminal.type('secret\n');
  assert.equal(await terminal.status(), 0);
  assert.equal(terminal.password(), 'secret');
});

for (const [what, setup] of Object.entries({
  'a process named plymouthd':
    'cp /bin/sleep /run/plymouthd; /run/plymouthd 1000 & until grep -q plymouthd "/proc/$!/cmdline"; do :; done',
  'the file of its process ID': 'mkdir /run/plymouth; echo 1 > /run/plymouth/pid',
})) {
  test(`leaves the console to plymouth where there is ${what}, as the original`, BOTH, async t => {
    for (const command of Object.values(PROGRAMS)) {
      const terminal = new AtTerminal(t, command, { setup });
      assert.equal(await terminal.status(), 1);
      assert.doesNotMatch(terminal.output, /passphrase/);
    }
  });
}

test(
  'without a terminal it says so, with the status of the original',
  requires('root', 'unshare'),
  async t => {
    for (const command of mandosClientTree() === undefined ? [PROGRAMS.ours] : Object.values(PROGRAMS)) {
      const isolated = ['--pid', '--fork', '--mount-proc', '--mount', ...command];
      const child = new Child('unshare', isolated, { input: 'secret\n' });
      t.after(() => child.kill());
      assert.deepEqual(await child.waitForExit(), { code: 69, signal: null });
      assert.equal(child.stdout, '');
      if (command === PROGRAMS.ours) {
        assert.equal(
          child.stderr,
          'password-prompt: error: there is no terminal to ask for the password on\n',
        );
      }
    }
  },
);
