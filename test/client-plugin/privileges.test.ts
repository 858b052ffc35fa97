import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.js';

const MODULE = join(import.meta.dirname, '../../client-plugin/privileges.js');

/** Runs a script that has `privileges` and `see()` in a process of its own. @returns what it saw, in order */
function run(script: string, prefix: readonly string[] = []): unknown {
  const [command, ...args] = [
    ...prefix,
    process.execPath,
    '--input-type=module',
    '--eval',
    `import { processPrivileges } from ${JSON.stringify(MODULE)};
     import { execFileSync } from 'node:child_process';
     import { readFileSync } from 'node:fs';
     const privileges = processPrivileges(1234, 5678);
     const seen = [];
     const see = () => seen.push([
       process.geteuid(), process.getegid(), process.getgroups(),
       /^CapEff:\\t0+$/m.test(readFileSync('/proc/self/status', 'utf8')),
     ]);
     ${script}
     console.log(JSON.stringify(seen));`,
  ];
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' }));
}

const NOBODY = [1234, 5678, [5678], true];

test('root rights are given up, taken back for a moment, and given up again', requires('root'), () => {
  const [first, ...others] = run(`
    see();
    privileges.lower(); see();
    privileges.lower(); see();
    seen.push(privileges.asRoot(() => { see(); return 'returned'; })); see();
    try { privileges.asRoot(() => { throw new Error('thrown'); }); } catch (error) { seen.push(error.message); }
    see();
  `) as unknown[][];
  assert.equal(first?.[0], 0);
  assert.deepEqual(others, [NOBODY, NOBODY, [0, 0, [0], false], 'returned', NOBODY, 'thrown', NOBODY]);
});

test('what is started as root then is root', requires('root'), () => {
  const started = run(`
    privileges.lower();
    seen.push(privileges.asRoot(() => execFileSync('id', ['-ru'], { encoding: 'utf8' })));
    seen.push(privileges.asRoot(() => execFileSync('id', ['-u'], { encoding: 'utf8' })));
  `);
  assert.deepEqual(started, ['0\n', '0\n']);
});

test('before they are given up, and for who has none, nothing changes', requires('root', 'setpriv'), () => {
  const script = 'see(); privileges.asRoot(see); see();';
  const [before, within, after] = run(script) as unknown[];
  assert.deepEqual([within, after], [before, before]);
  const [first, ...others] = run(`see(); privileges.lower(); ${script}`, [
    'setpriv',
    '--reuid=4321',
    '--regid=4321',
    '--clear-groups',
  ]) as unknown[];
  assert.deepEqual(first, [4321, 4321, [4321], true]);
  assert.deepEqual(others, [first, first, first]);
});

test(
  'a user who is root in a namespace of his own has nothing to give up',
  requires('root', 'setpriv'),
  () => {
    const user = [
      'setpriv',
      '--reuid=12345',
      '--regid=12345',
      '--clear-groups',
      'unshare',
      '--map-root-user',
    ];
    const [before, ...others] = run(
      'see(); privileges.lower(); see(); privileges.asRoot(see);',
      user,
    ) as unknown[];
    assert.deepEqual(others, [before, before]);
  },
);
