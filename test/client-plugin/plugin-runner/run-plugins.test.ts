import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunnerContext } from '../../../client-plugin/plugin-runner/run-plugins.js';
import { runPlugins } from '../../../client-plugin/plugin-runner/run-plugins.js';
import { applyOption } from '../../../client-plugin/plugin-runner/settings.js';
import type { Privileges } from '../../../client-plugin/privileges.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { MandosError } from '../../../common/errors.js';
import { keyFileOptions, makeKeys } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { keptLog, makePlugins, optionsWith, PLUGIN_RUNNER } from './scene.js';

const NEVER = new AbortController().signal;

async function run(directory: string, signal = NEVER, more: Partial<RunnerContext> = {}) {
  const { log, lines } = keptLog();
  const context = {
    log,
    signal,
    privileges: processPrivileges(),
    environment: { HERE: directory, PATH: '/bin:/usr/bin' },
    ...more,
  };
  const password = await runPlugins(optionsWith(directory), context)
    .then(bytes => Buffer.from(bytes).toString())
    .catch((error: unknown) => error as Error);
  return { password, lines: lines.filter(line => !line.includes('started as process')) };
}

function isGone(directory: string, name: string): boolean {
  return !existsSync(`/proc/${readFileSync(join(directory, name), 'utf8').trim()}`);
}

function isWritten(directory: string, name: string): boolean {
  return existsSync(join(directory, name)) && statSync(join(directory, name)).size > 0;
}

test('a plugin that prints without end is ended, and the others go on', async t => {
  const directory = makePlugins(t, {
    a: 'exec cat /dev/zero',
    b: 'echo $$ > "$HERE/.pid"; until [ -e "$HERE/.go" ]; do sleep 0.1; done; printf password',
  });
  const { log, lines } = keptLog();
  const noticed = new Promise<void>(resolve => {
    log.error = message => {
      lines.push(message);
      resolve();
    };
  });
  const running = runPlugins(optionsWith(directory), {
    log,
    signal: NEVER,
    privileges: processPrivileges(),
    environment: { HERE: directory, PATH: '/bin:/usr/bin' },
  });
  await noticed;
  writeFileSync(join(directory, '.go'), '');
  assert.equal(Buffer.from(await running).toString(), 'password');
  assert.equal(lines.at(-1), 'a: ended, since it printed more than 8388608 bytes');
});

test('a plugin that does not end when it is told to is killed, and nobody waits for what it has started', async t => {
  const directory = makePlugins(t, {
    a: 'trap "" TERM; echo $$ > "$HERE/.a"; sleep 1000 & echo $! > "$HERE/.sleep"; while :; do sleep 0.1; done',
    b: 'until [ -s "$HERE/.sleep" ]; do sleep 0.1; done; printf password',
  });
  assert.deepEqual(await run(directory), { password: 'password', lines: [] });
  const sleeping = Number(readFileSync(join(directory, '.sleep'), 'utf8'));
  // It has inherited that SIGTERM is ignored.
  process.kill(sleeping, 'SIGKILL');
  assert.ok(isGone(directory, '.a'));
});

test('a plugin that nothing ends does not keep the password back', async t => {
  const directory = makePlugins(t, {
    a: 'echo $$ > "$HERE/.a"; exec sleep 1000',
    b: 'until [ -s "$HERE/.a" ]; do sleep 0.1; done; echo $$ > "$HERE/.b"; printf password',
  });
  // As for a process that is in the midst of a system call which does not return: no signal arrives.
  const privileges: Privileges = {
    lower() {},
    asRoot: act => (isWritten(directory, '.b') ? (undefined as ReturnType<typeof act>) : act()),
  };
  assert.deepEqual(await run(directory, NEVER, { privileges }), { password: 'password', lines: [] });
  assert.ok(!isGone(directory, '.a'));
  process.kill(Number(readFileSync(join(directory, '.a'), 'utf8')), 'SIGKILL');
});

test('network hooks that hang when they are stopped keep the password back for one of them at most', async t => {
  const directory = makePlugins(
    t,
    { z: 'until [ -s "$HERE/.started" ]; do sleep 0.1; done; printf password' },
    ['mandos-client'],
  );
  const hooks = join(directory, '.hooks');
  mkdirSync(hooks);
  const hook = `#!/bin/sh
    if [ "$MODE" = start ]; then [ "\${0##*/}" = a ] || echo x > ${directory}/.started; exit 0; fi
    echo $$ > "$0.pid"; trap "" TERM; exec sleep 1000`;
  for (const name of ['a', 'b']) writeFileSync(join(hooks, name), hook, { mode: 0o755 });
  const { keys } = await makeKeys(directory, '.client', 'password');
  const options = [...keyFileOptions(keys), '--interface=lo', `--network-hook-dir=${hooks}`];
  const settings = optionsWith(directory);
  applyOption(settings, 'options-for', `mandos-client:${options.join(',')}`);
  applyOption(settings, 'options-for', 'mandos-client:--connect=127.0.0.1:9');
  const password = await runPlugins(settings, {
    log: keptLog().log,
    signal: NEVER,
    privileges: { lower() {}, asRoot: act => act() },
    environment: { HERE: directory, PATH: '/bin:/usr/bin' },
    ownProgram: PLUGIN_RUNNER,
  });
  assert.equal(Buffer.from(password).toString(), 'password');
  // The last one is stopped first. The other one hangs still, or will: it goes on beside.
  while (!isGone(hooks, 'b.pid') || !isWritten(hooks, 'a.pid')) await sleep(20);
  assert.ok(!isGone(hooks, 'a.pid'));
  process.kill(Number(readFileSync(join(hooks, 'a.pid'), 'utf8')), 'SIGKILL');
});

test('a plugin that prints nothing has an empty password, or has failed, as it is wanted', async t => {
  const directory = makePlugins(t, { a: 'exit 0', z: 'sleep 1; printf password' });
  assert.deepEqual(await run(directory), { password: '', lines: [] });
  assert.deepEqual(await run(directory, NEVER, { emptyOutput: 'fails' }), {
    password: 'password',
    lines: ['error: a: ended without a fault, but printed no password'],
  });
});

test('a signal ends all plugins, and its reason is the outcome', async t => {
  const directory = makePlugins(t, {
    a: 'echo $$ > "$HERE/.a"; exec sleep 1000',
    b: 'echo $$ > "$HERE/.b"; exec sleep 1000',
  });
  const controller = new AbortController();
  const running = run(directory, controller.signal);
  while (!existsSync(join(directory, '.a')) || !existsSync(join(directory, '.b'))) await sleep(20);
  const reason = new Error('enough');
  controller.abort(reason);
  assert.deepEqual(await running, { password: reason, lines: [] });
  assert.ok(isGone(directory, '.a') && isGone(directory, '.b'));
});

test('what goes wrong with a plugin is said in one line, and the next one has its turn', async t => {
  const directory = makePlugins(t, {
    a: 'kill -SEGV $$',
    b: 'exit 3',
    z: 'sleep 1; printf password',
  });
  writeFileSync(join(directory, 'c'), '#!/nonexistent\n', { mode: 0o755 });
  writeFileSync(join(directory, 'd'), '', { mode: 0o755 });
  writeFileSync(join(directory, 'e'), '', { mode: 0o644 });
  const { password, lines } = await run(directory);
  assert.equal(password, 'password');
  assert.deepEqual(lines.toSorted(), [
    `debug: ${directory}/e is no plugin: it is not executable`,
    'debug: b: ended with status 3',
    'error: a: ended by SIGSEGV',
    'error: c: cannot be started: no such file or directory',
    'error: d: cannot be started: it is neither a program nor a script with "#!"',
  ]);
});

test('without a success it says where it has looked', async t => {
  for (const scripts of [{}, { a: 'exit 1' }]) {
    const directory = makePlugins(t, scripts);
    const { password } = await run(directory);
    assert.ok(password instanceof MandosError);
    assert.deepEqual(
      [password.code, password.message],
      ['NO_PASSWORD', `no plugin in ${directory} got a password`],
    );
  }
});

test('the order in which plugins are started is that of their names', async t => {
  const directory = makePlugins(
    t,
    Object.fromEntries(['b', 'B', 'a', '1', '#'].map(name => [name, 'exit 1'])),
  );
  const { log, lines } = keptLog();
  await runPlugins(optionsWith(directory), { log, signal: NEVER, privileges: processPrivileges() }).catch(
    () => {},
  );
  const started = lines.flatMap(line => /^debug: (.): started/.exec(line)?.[1] ?? []);
  assert.deepEqual(started, ['#', '1', 'B', 'a', 'b']);
});

test(
  'a user who is root in a namespace of his own only starts plugins as himself',
  requires('root', 'setpriv', 'unshare'),
  t => {
    const directory = makePlugins(t, { a: 'printf password' });
    const user = ['--reuid=12345', '--regid=12345', '--clear-groups', 'unshare', '--map-root-user'];
    const options = [`--plugin-dir=${directory}`, '--config-file=/dev/null'];
    const { stdout, stderr } = spawnSync('setpriv', [...user, process.execPath, PLUGIN_RUNNER, ...options], {
      encoding: 'utf8',
      input: '',
    });
    assert.deepEqual([stdout, stderr], ['password', '']);
  },
);
