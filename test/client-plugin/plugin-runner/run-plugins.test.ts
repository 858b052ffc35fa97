import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runPlugins } from '../../../client-plugin/plugin-runner/run-plugins.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { MandosError } from '../../../common/errors.js';
import { keptLog, optionsWith, makePlugins } from './scene.js';

const NEVER = new AbortController().signal;

async function run(directory: string, signal = NEVER) {
  const { log, lines } = keptLog();
  const context = {
    log,
    signal,
    privileges: processPrivileges(),
    environment: { HERE: directory, PATH: '/bin:/usr/bin' },
  };
  const password = await runPlugins(optionsWith(directory), context)
    .then(bytes => Buffer.from(bytes).toString())
    .catch((error: unknown) => error as Error);
  return { password, lines: lines.filter(line => !line.includes('started as process')) };
}

function isGone(directory: string, name: string): boolean {
  return !existsSync(`/proc/${readFileSync(join(directory, name), 'utf8').trim()}`);
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
