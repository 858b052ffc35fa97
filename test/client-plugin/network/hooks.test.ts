import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { HookSettings } from '../../../client-plugin/network/hooks.js';
import { findHooks, hookEnvironment, NetworkHooks } from '../../../client-plugin/network/hooks.js';
import { createLog } from '../../../common/log.js';
import { scratchDirectory } from '../../support/loopback.js';
import { SimulatedClock } from '../simulation.js';
import { until } from './scene.js';

const SETTINGS: HookSettings = {
  directory: '/d',
  device: '',
  delayMs: 2500,
  connect: undefined,
  debug: false,
};

function write(directory: string, name: string, script: string, mode = 0o755): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), mode);
}

test('hooks are executable files with a proper name, in the order of their bytes', t => {
  const directory = scratchDirectory(t);
  for (const name of ['b', 'B', 'a.hook', '10-x', '_u', 'with space', 'backup~', 'ä', 'semi;colon'])
    write(directory, name, ':');
  write(directory, 'conf', ':', 0o644);
  write(directory, 'for-group', ':', 0o610);
  mkdirSync(join(directory, 'folder'));
  symlinkSync('b', join(directory, 'link'));
  symlinkSync('nowhere', join(directory, 'dangling'));
  assert.deepEqual(findHooks(directory), ['10-x', 'B', '_u', 'a.hook', 'b', 'for-group', 'link']);
  assert.deepEqual(findHooks(join(directory, 'none')), []);
});

test('the environment is that of the manual page, over what is inherited', () => {
  const inherited = { PATH: '/bin', MODE: 'x', CONNECT: 'x' };
  assert.deepEqual(hookEnvironment(SETTINGS, 'start', inherited), {
    PATH: '/bin',
    MANDOSNETHOOKDIR: '/d',
    DEVICE: '',
    MODE: 'start',
    VERBOSITY: '0',
    DELAY: '2.500000',
    CONNECT: undefined,
  });
  const asked = { ...SETTINGS, device: 'eth0,none', connect: '192.0.2.1:4711', debug: true };
  const { DEVICE, CONNECT, VERBOSITY, MODE } = hookEnvironment(asked, 'stop', inherited);
  assert.deepEqual([DEVICE, CONNECT, VERBOSITY, MODE], ['eth0,none', '192.0.2.1:4711', '1', 'stop']);
});

/** Hooks that write what they do into `trace`, on a clock of the test's. */
function runner(t: TestContext, scripts: Readonly<Record<string, string>>) {
  const directory = scratchDirectory(t);
  const trace = join(directory, 'trace');
  writeFileSync(trace, '');
  for (const [name, script] of Object.entries(scripts))
    write(directory, name, `echo "${name} $1" >>${trace}\n${script}`);
  const lines: string[] = [];
  const clock = new SimulatedClock();
  const hooks = new NetworkHooks({
    settings: { ...SETTINGS, directory },
    environment: process.env,
    privileges: { lower() {}, asRoot: act => act() },
    clock,
    log: createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'info'),
  });
  t.after(() => hooks.stop());
  return { hooks, clock, lines, directory, trace: () => readFileSync(trace, 'utf8').trimEnd().split('\n') };
}

test('a hook that does not end is ended, at first politely, and the next one is started', async t => {
  const it = runner(t, {
    a: 'test "$1" = stop || { trap "echo polite >>$0.term; exit 0" TERM; echo >$0.ready; sleep 1000 & wait; }',
    b: 'test "$1" = stop || { trap "" TERM; echo >$0.ready; sleep 1000; sleep 1000; }',
    c: '',
  });
  const started = it.hooks.start();
  await until(() => existsSync(join(it.directory, 'a.ready')));
  assert.equal(it.trace().length, 1, 'one after the other');
  await it.clock.pass(60_000);
  await until(() => existsSync(join(it.directory, 'b.ready')));
  assert.ok(existsSync(join(it.directory, 'a.term')));
  await it.clock.pass(60_000);
  await it.clock.pass(1_000);
  await started;
  assert.deepEqual(it.trace(), ['a start', 'b start', 'c start']);
  assert.deepEqual(it.lines, [
    'warning: network hook "a" (start) took longer than 60 s, and was ended',
    'warning: network hook "b" (start) took longer than 60 s, and was ended',
  ]);
  await it.hooks.stop();
  assert.deepEqual(it.trace().slice(3), ['c stop', 'b stop', 'a stop']);
  assert.equal(it.clock.pending, 0);
});

test('a stop that does not end is ended, and the others are stopped all the same', async t => {
  const it = runner(t, { a: '', b: 'test "$1" = start || { echo >$0.ready; exec sleep 1000; }' });
  await it.hooks.start();
  const stopped = it.hooks.stop();
  await until(() => existsSync(join(it.directory, 'b.ready')));
  await it.clock.pass(5_000);
  await stopped;
  assert.deepEqual(it.trace(), ['a start', 'b start', 'b stop', 'a stop']);
  assert.deepEqual(it.lines, ['warning: network hook "b" (stop) took longer than 5 s, and was ended']);
});

test('what a hook leaves running is its own matter, unless it had to be ended', async t => {
  const it = runner(t, { a: 'test "$1" = stop || { sleep 1000 & echo $! >$0.pid; }' });
  await it.hooks.start();
  const pid = Number(readFileSync(join(it.directory, 'a.pid'), 'utf8'));
  assert.ok(process.kill(pid, 0));
  process.kill(pid, 'SIGKILL');
});

test('a hook that cannot be run is reported, and the next one is started', async t => {
  const it = runner(t, { b: '' });
  writeFileSync(join(it.directory, 'a'), '#!/nonexistent/sh\n', { mode: 0o755 });
  await it.hooks.start();
  assert.deepEqual(it.trace(), ['b start']);
  assert.deepEqual(it.lines, ['warning: network hook "a" (start) cannot be run: no such file or directory']);
});

test('where there are no hooks there is nothing to wait for, and a directory that is none is reported', t => {
  assert.equal(runner(t, {}).hooks.start(), undefined);
  const lines: string[] = [];
  const it = runner(t, {});
  const hooks = new NetworkHooks({
    settings: { ...SETTINGS, directory: join(it.directory, 'trace') },
    environment: {},
    privileges: { lower() {}, asRoot: act => act() },
    clock: it.clock,
    log: createLog({ write: (_level, line) => lines.push(line) }, 'info'),
  });
  assert.equal(hooks.start(), undefined);
  assert.match(lines.join('\n'), /^cannot read the network hook directory .*trace: not a directory$/);
});
