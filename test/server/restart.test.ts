import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { makeTlsKey } from '../support/keys.js';
import { configDirectory, runNode, stateDirectory } from '../support/loopback.js';
import { MANDOS } from '../support/programs.js';

const SECRET = Buffer.from('what the client gets');

function section(name: string, keyId: string, options = ''): string {
  const secret = SECRET.toString('base64');
  // A checker that always succeeds would find an impostor in each who asks.
  const checker = options.includes('checker =') ? '' : 'checker = :\nrelease_check = off\n';
  return `[${name}]\nkey_id = ${keyId}\nhost = h\n${checker}secret = ${secret}\n${options}\n`;
}

/** A server that is started again and again with the same directories. */
function makeServer(t: TestContext, clientsConf: string) {
  const directory = configDirectory(t, { 'clients.conf': clientsConf });
  const state = stateDirectory(t);
  const spawn = (...args: string[]) =>
    runNode(t, MANDOS, [
      '--foreground',
      '--no-dbus',
      '--no-zeroconf',
      '--address=::1',
      '--debuglevel=INFO',
      `--configdir=${directory}`,
      `--statedir=${state}`,
      ...args,
    ]);
  const start = async (...args: string[]) => {
    const child = spawn('--port=0', ...args);
    const [, port] = await child.waitForOutput(/listening on .*:(\d+)$/m);
    const ask = (context: TlsContext) =>
      fetchSecret('::1', Number(port), context, new AbortController().signal);
    const kill = async () => {
      child.signal('SIGKILL');
      await child.waitForExit();
    };
    const status = async (pattern: RegExp) => {
      const from = child.output.length;
      child.signal('SIGUSR1');
      return child.waitForOutput(pattern, undefined, from);
    };
    return { child, ask, kill, status };
  };
  const configure = (text: string) => writeFileSync(join(directory, 'clients.conf'), text);
  return { directory, state, spawn, start, configure };
}

function makeKey(t: TestContext) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  return { keyId: key.keyId, context };
}

test('a client that was disabled stays so after the server was killed', async t => {
  const { keyId, context } = makeKey(t);
  const other = makeKey(t);
  const { start } = makeServer(
    t,
    section('dead', keyId, 'checker = false\ninterval = PT1S') + section('alive', other.keyId),
  );
  const first = await start();
  await first.child.waitForOutput(/warning: dead: disabled: none of its checks has succeeded so far/);
  await first.kill();
  const second = await start();
  await assert.rejects(second.ask(context), { code: 'FETCH_REFUSED' });
  assert.deepEqual(Buffer.from(await second.ask(other.context)), SECRET);
  await second.kill();
  // Another configuration of its own brings it back.
  const third = await start('--no-restore');
  await third.child.waitForOutput(/--no-restore: the state of 2 clients is ignored/);
  await third.child.waitForOutput(/ignored: 1 disabled: dead/);
});

test('a release is counted before the secret is there: a kill does not lose it', async t => {
  const { keyId, context } = makeKey(t);
  const { start } = makeServer(t, section('a', keyId));
  for (let i = 1; i <= 3; i++) {
    const server = await start();
    await server.ask(context);
    await server.kill();
  }
  const { status } = await start();
  const [line] = await status(/^.*\n.*NAME.*\n.*\n/m);
  assert.match(line, /^mandos: a +expires in .* 3, last \d+ s ago$/m);
});

test('what the configuration has changed meanwhile holds; what it has not stays as it was', async t => {
  const [a, b] = [makeKey(t), makeKey(t)];
  const { start, configure } = makeServer(
    t,
    section('a', a.keyId, 'enabled = no') + section('b', b.keyId, 'checker = false\ninterval = PT1S'),
  );
  const first = await start();
  await first.child.waitForOutput(/warning: b: disabled/);
  await first.kill();
  configure(section('a', a.keyId, 'enabled = yes') + section('b', b.keyId, 'timeout = PT9M'));
  const second = await start();
  assert.deepEqual(Buffer.from(await second.ask(a.context)), SECRET);
  await assert.rejects(second.ask(b.context), { code: 'FETCH_REFUSED' });
});

test('a client that is no longer configured is forgotten, and said to be', async t => {
  const [a, b] = [makeKey(t), makeKey(t)];
  const { start, configure } = makeServer(
    t,
    section('a', a.keyId) + section('gone', b.keyId, 'checker = false\ninterval = PT1S'),
  );
  const first = await start();
  await first.child.waitForOutput(/warning: gone: disabled/);
  await first.child.stop();
  configure(section('a', a.keyId));
  const second = await start();
  await second.child.waitForOutput(/the state of 1 client no longer configured is dropped: gone/);
  await second.child.stop();
  configure(section('a', a.keyId) + section('gone', b.keyId));
  const third = await start();
  assert.deepEqual(Buffer.from(await third.ask(b.context)), SECRET);
});

test('a start without any configuration of clients is refused, and a disabled one stays so', async t => {
  const { keyId, context } = makeKey(t);
  const { start, spawn, configure, directory } = makeServer(
    t,
    section('stolen', keyId, 'checker = false\ninterval = PT1S'),
  );
  const first = await start();
  await first.child.waitForOutput(/warning: stolen: disabled/);
  await first.child.stop();
  const path = join(directory, 'clients.conf');
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  // As an empty mount point is.
  mkdirSync(join(directory, 'clients.d'));
  const refused = spawn('--port=0');
  assert.equal((await refused.waitForExit()).code, 1);
  assert.match(refused.stderr, /neither clients\.conf nor a client in clients\.d.*1 client.*--configdir/);
  configure(text);
  const second = await start();
  await assert.rejects(second.ask(context), { code: 'FETCH_REFUSED' });
  await second.child.stop();
  configure('');
  await start();
});

test('without a state, and with --no-restore, a server may have no configuration of clients', async t => {
  const { start, configure, directory } = makeServer(t, section('a', makeKey(t).keyId));
  const path = join(directory, 'clients.conf');
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  await (await start()).child.stop();
  configure(text);
  await (await start()).child.stop();
  rmSync(path);
  await start('--no-restore');
});

test('a second server on the same state is refused, and the first serves on', async t => {
  const { keyId, context } = makeKey(t);
  const { start, spawn, state } = makeServer(t, section('a', keyId));
  const first = await start();
  const second = spawn('--port=0');
  assert.equal((await second.waitForExit()).code, 1);
  assert.match(second.stderr, new RegExp(`critical: ${state}: is in use by another mandos, with process ID`));
  assert.deepEqual(Buffer.from(await first.ask(context)), SECRET);
});

test('a state that is damaged stops the start, says what to do, and is left as it is', async t => {
  const { keyId } = makeKey(t);
  const { start, spawn, state } = makeServer(t, section('a', keyId));
  const first = await start();
  await first.child.stop();
  const file = join(state, 'clients.mdb');
  truncateSync(file, readFileSync(file).length / 2);
  const damaged = readFileSync(file);
  const second = spawn('--port=0');
  assert.equal((await second.waitForExit()).code, 1);
  assert.match(second.stderr, /critical: .*clients\.mdb: is damaged: .*; move it aside/);
  assert.deepEqual(readFileSync(file), damaged);
  rmSync(file);
  await (await start()).child.stop();
});

test('a stop ends a checker that does not want to end, and its children', async t => {
  const { keyId } = makeKey(t);
  const pids = join(stateDirectory(t), 'pids');
  const checker = `checker = trap '' TERM; sleep 1000 & echo $$ $! >${pids}.new; mv ${pids}.new ${pids}; while :; do sleep 1; done\ninterval = PT1S`;
  const { start } = makeServer(t, section('a', keyId).replace('checker = :', checker));
  const { child } = await start();
  while (!existsSync(pids)) await new Promise(resolve => setTimeout(resolve, 20));
  child.signal('SIGTERM');
  assert.equal((await child.waitForExit()).code, 0);
  for (const pid of readFileSync(pids, 'utf8').trim().split(' ')) assert.ok(isGone(pid), `process ${pid}`);
});

/** Whether a process has ended, be it that nobody has waited for it yet. */
function isGone(pid: string): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

test('every verdict is a line of the audit log, which goes on in a new file after SIGHUP', async t => {
  const [a, stranger] = [makeKey(t), makeKey(t)];
  const { start, configure } = makeServer(t, section('a', a.keyId));
  const audit = join(stateDirectory(t), 'audit.log');
  const server = await start(`--audit-log=${audit}`);
  const records = () =>
    readFileSync(audit, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
  await server.ask(a.context);
  await assert.rejects(server.ask(stranger.context), { code: 'FETCH_REFUSED' });
  await server.child.waitForOutput(/refused .*unknown key ID/);
  assert.deepEqual(
    records().map(({ event, client, key_id }) => [event, client, key_id]),
    [
      ['released', 'a', a.keyId.toUpperCase()],
      ['refused', null, stranger.keyId.toUpperCase()],
    ],
  );
  rmSync(audit);
  configure(section('a', a.keyId, 'enabled = no'));
  server.child.signal('SIGHUP');
  await server.child.waitForOutput(/reload: 1 client changed \(a: enabled\)/);
  server.child.signal('SIGHUP');
  await server.child.waitForOutput(/the clients are as they were/);
  await assert.rejects(server.ask(a.context), { code: 'FETCH_REFUSED' });
  await server.child.waitForOutput(/client a is disabled/);
  assert.deepEqual(
    records().map(({ event, code }) => [event, code]),
    [['refused', 'disabled']],
  );
});
