import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { VERSION } from '../../common/version.js';
import { Child } from '../support/child.js';
import { makeTlsKey } from '../support/keys.js';
import { configDirectory, runNode, startLoopbackServer, stateDirectory } from '../support/loopback.js';
import { MANDOS } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { properties } from './import/samples.js';

const SECRET = Buffer.from('c2VjcmV0', 'base64');

function section(keyId: string, more = ''): string {
  return `[client1]\nkey_id = ${keyId}\nsecret = ${SECRET.toString('base64')}\nchecker = :\n${more}`;
}

test('a secret of clients.conf is released to the key it belongs to', async t => {
  const key = makeTlsKey();
  const { port, child } = await startLoopbackServer(t, section(key.keyId.toUpperCase()));
  const context = new TlsContext(CLIENT_PRIORITY, key);
  const secret = await fetchSecret('::1', port, context, new AbortController().signal);
  assert.deepEqual(Buffer.from(secret), SECRET);
  await child.waitForOutput(/client1: secret sent to \[::1\]:\d+/);
});

test('a client with enabled = no gets nothing', async t => {
  const key = makeTlsKey();
  const { port, child } = await startLoopbackServer(t, section(key.keyId, 'enabled = no\n'));
  const context = new TlsContext(CLIENT_PRIORITY, key);
  await assert.rejects(fetchSecret('::1', port, context, new AbortController().signal), {
    code: 'FETCH_REFUSED',
  });
  await child.waitForOutput(/warning: refused \[::1\]:\d+: client client1 is disabled/);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops the server with status 0, also with connections open`, async t => {
    const { port, child } = await startLoopbackServer(t, section('ab'.repeat(32)));
    const idle = connect(port, '::1');
    idle.on('error', () => {});
    t.after(() => idle.destroy());
    await once(idle, 'connect');
    child.signal(signal);
    assert.deepEqual(await child.waitForExit(), { code: 0, signal: null });
    assert.doesNotMatch(child.output, /no greeting/);
  });
}

/** The server with a descriptor of whoever starts it. A shell cannot open sockets: Python is the service manager here. */
function startWithSocket(t: TestContext, config: string, open: string): Child {
  const script = `import socket, os, sys
s = ${open}; s.listen(); os.set_inheritable(s.fileno(), True)
os.execv(sys.argv[1], sys.argv[1:] + ["--socket=%d" % s.fileno()])`;
  const places = [`--configdir=${config}`, `--statedir=${stateDirectory(t)}`];
  const args = ['--foreground', '--debuglevel=INFO', '--no-zeroconf', ...places];
  const child = new Child('python3', ['-c', script, process.execPath, MANDOS, ...args], {});
  t.after(() => child.stop());
  return child;
}

test('--socket takes a listening descriptor from whoever starts the server', requires('python3'), async t => {
  const key = makeTlsKey();
  const directory = configDirectory(t, { 'clients.conf': section(key.keyId) });
  const open = 'socket.socket(socket.AF_INET6); s.bind(("::1", 0))';
  const child = startWithSocket(t, directory, open);
  const [, port] = await child.waitForOutput(/listening on \[::1\]:(\d+)/);
  const context = new TlsContext(CLIENT_PRIORITY, key);
  assert.equal(
    (await fetchSecret('::1', Number(port), context, new AbortController().signal)).length,
    SECRET.length,
  );
});

test('SIGTERM stops the server soon with status 0, also with a peer stalled within its handshake', async t => {
  const { port, child } = await startLoopbackServer(t, section('ab'.repeat(32)));
  const peer = connect(port, '::1');
  peer.on('error', () => {});
  t.after(() => peer.destroy());
  peer.write('1\r\n');
  await once(peer, 'data'); // the server's half of the handshake
  child.signal('SIGTERM');
  assert.deepEqual(await child.waitForExit(), { code: 0, signal: null });
  // Else the peer has run out of its own time.
  assert.doesNotMatch(child.output, /not complete/);
});

test(
  'a system that lets no connection be accepted is told of, and the server goes on',
  requires('strace'),
  async t => {
    const key = makeTlsKey();
    const directory = configDirectory(t, { 'clients.conf': section(key.keyId) });
    const inject = ['-e', 'trace=accept4', '-e', 'inject=accept4:error=EOPNOTSUPP:when=1..3'];
    const args = ['--foreground', '--debuglevel=INFO', '--no-zeroconf', '--address=::1', '--port=0'];
    const places = [`--configdir=${directory}`, `--statedir=${stateDirectory(t)}`];
    const server = [process.execPath, MANDOS, ...args, ...places];
    const child = new Child('strace', ['-D', '-f', '-qq', '-o', '/dev/null', ...inject, ...server], {});
    t.after(() => child.stop());
    const [, port] = await child.waitForOutput(/listening on \[::1\]:(\d+)/);
    const context = new TlsContext(CLIENT_PRIORITY, key);
    const secret = await fetchSecret('::1', Number(port), context, new AbortController().signal);
    assert.equal(secret.length, SECRET.length);
    await child.waitForOutput(
      /error: cannot accept connections: accept: .*\n[^]*connections can be accepted again/,
    );
  },
);

test('--socket refuses a socket that is not of TCP', requires('python3'), async t => {
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const open = `socket.socket(socket.AF_UNIX); s.bind("${directory}/socket")`;
  const child = startWithSocket(t, directory, open);
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, /critical: cannot listen: descriptor \d+ is not an open TCP socket\n/);
});

test('a port that is taken is an error that names the port and what to do', async t => {
  const { port } = await startLoopbackServer(t, section('ab'.repeat(32)));
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const args = [
    '--foreground',
    '--no-zeroconf',
    '--address=::1',
    `--port=${port}`,
    `--configdir=${directory}`,
    `--statedir=${stateDirectory(t)}`,
  ];
  const child = runNode(t, MANDOS, args);
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, new RegExp(`cannot listen on \\[::1\\]:${port}: another program has this port`));
});

test('with a fault in the configuration nothing is started, and every fault is named', async t => {
  const directory = configDirectory(t, {
    'mandos.conf': '[DEFAULT]\nport = many\n',
    'clients.conf': section('ab'.repeat(32), 'timeout = 5 parsecs\n') + '\n[two]\nkey_id = xyz\n',
  });
  const child = runNode(t, MANDOS, [
    '--foreground',
    '--no-zeroconf',
    `--configdir=${directory}`,
    `--statedir=${stateDirectory(t)}`,
  ]);
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, /mandos\.conf:2: \[DEFAULT\] port: /);
  assert.match(child.stderr, /clients\.conf:5: \[client1\] timeout: "5 parsecs" is not an RFC 3339 duration/);
  assert.match(child.stderr, /clients\.conf:8: \[two\] key_id: /);
  assert.match(child.stderr, /not started: \d+ errors in the configuration/);
  assert.doesNotMatch(child.stderr, /^\s+at /m);
});

test('a wrong value on the command line ends with the status of a wrong command line, as the original', async t => {
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const places = [`--configdir=${directory}`, `--statedir=${stateDirectory(t)}`];
  for (const mode of [['--foreground'], []]) {
    const child = runNode(t, MANDOS, [...mode, '--no-zeroconf', '--port=abc', ...places]);
    assert.equal((await child.waitForExit()).code, 2, child.tail());
  }
});

test('--check validates the configuration without starting anything', async t => {
  const good = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const valid = runNode(t, MANDOS, ['--check', `--configdir=${good}`]);
  assert.equal((await valid.waitForExit()).code, 0, valid.tail());
  assert.match(valid.stdout, /configuration is valid: 1 client/);
  const bad = configDirectory(t, {
    'clients.conf': section('ab'.repeat(32), 'intervall = PT1M\ntimeout = x\n'),
  });
  const invalid = runNode(t, MANDOS, ['--check', `--configdir=${bad}`]);
  assert.equal((await invalid.waitForExit()).code, 1);
  assert.match(
    invalid.stdout,
    /warning: .*clients\.conf:5: \[client1\] intervall: .*did you mean interval\?/,
  );
  assert.match(invalid.stdout, /error: .*clients\.conf:6: \[client1\] timeout: "x" is not/);
  assert.match(invalid.stdout, /1 error, 2 warnings\n$/);
});

test('a wrong command line is an error that names the option', async t => {
  for (const [args, status, message] of [
    [['--bogus'], 2, /^mandos: error: unknown option '--bogus'/],
    [['--no-zeroconf', '--configdir=/nonexistent'], 2, /without Zeroconf a port or a socket is needed/],
    [['--configdir=/nonexistent'], 1, /--configdir: "\/nonexistent" is not a directory/],
    [
      ['--check', '--configdir=/nonexistent'],
      1,
      /^error: .*--configdir: "\/nonexistent" is not a directory/m,
    ],
    [['--debuglevel=LOUD', '--configdir=/nonexistent'], 2, /"LOUD" is not a log level/],
  ] as const) {
    const child = runNode(t, MANDOS, args);
    assert.equal((await child.waitForExit()).code, status);
    assert.match(child.output, message);
  }
});

test('--help and --version print on standard output and succeed', async t => {
  for (const [option, pattern] of [
    ['--help', /--configdir=DIRECTORY/],
    ['-h', /--configdir=DIRECTORY/],
    ['-v', new RegExp(`^mandos ${VERSION.replaceAll('.', '\\.')} `)],
    ['--version', /compatible with Mandos 1\.8/],
  ] as const) {
    const child = runNode(t, MANDOS, [option]);
    assert.equal((await child.waitForExit()).code, 0);
    assert.match(child.stdout, pattern);
  }
});

test('no core file can be written of the server', async t => {
  const { child } = await startLoopbackServer(t, section('ab'.repeat(32)));
  const limits = readFileSync(`/proc/${child.pid}/limits`, 'utf8');
  assert.match(limits, /^Max core file size\s+1\s+1\s/m);
});

test('the server serves on when nobody reads its log', async t => {
  const key = makeTlsKey();
  const directory = configDirectory(t, { 'clients.conf': section(key.keyId) });
  const options = ['--foreground', '--debuglevel=DEBUG', '--no-zeroconf', '--address=::1', '--port=0'];
  const places = [`--configdir=${directory}`, `--statedir=${stateDirectory(t)}`];
  const command = [process.execPath, MANDOS, ...options, ...places];
  // The reader leaves as soon as it has the port.
  const script = '"$@" 2>&1 | sed "/listening on/q"';
  const child = new Child('sh', ['-c', script, 'sh', ...command], {});
  t.after(() => child.kill());
  const [, port] = await child.waitForOutput(/listening on .*:(\d+)$/m);
  const context = new TlsContext(CLIENT_PRIORITY, key);
  for (let i = 0; i < 3; i++) {
    const secret = await fetchSecret('::1', Number(port), context, new AbortController().signal);
    assert.deepEqual(Buffer.from(secret), SECRET);
  }
});

test('a client whose checker fails is disabled when its time is up, and gets nothing any more', async t => {
  const key = makeTlsKey();
  const alive = join(stateDirectory(t), 'alive');
  writeFileSync(alive, '');
  const settings = `interval = PT1S\ntimeout = PT2S\nextended_timeout = PT2S\n`;
  const config = section(key.keyId).replace('checker = :\n', `checker = test -e ${alive}\n${settings}`);
  const { port, child } = await startLoopbackServer(t, config, ['--debug']);
  const context = new TlsContext(CLIENT_PRIORITY, key);
  const ask = () => fetchSecret('::1', port, context, new AbortController().signal);
  for (let i = 0; i < 3; i++) {
    const from = child.output.length;
    await child.waitForOutput(/client1: check succeeded/, undefined, from);
  }
  assert.deepEqual(Buffer.from(await ask()), SECRET);
  rmSync(alive);
  await child.waitForOutput(/client1: check failed: exit status 1: test -e /);
  // A check may have been under way and found it after the release.
  await child.waitForOutput(
    /client1: disabled: it was (not seen since its password was sent|last seen) \d+ s ago, .* is 2 s/,
  );
  await assert.rejects(ask(), { code: 'FETCH_REFUSED' });
  await child.waitForOutput(/refused \[::1\]:\d+: client client1 is disabled/);
});

test('checkers end with the server, and what they have started with them', async t => {
  const pidFile = join(stateDirectory(t), 'pid');
  const checker = `checker = sleep 1000 & echo $! >${pidFile}; wait\ninterval = PT1S\n`;
  const { child } = await startLoopbackServer(t, section('ab'.repeat(32)).replace('checker = :\n', checker), [
    '--debug',
  ]);
  await child.waitForOutput(/client1: checker started: /);
  let pid = '';
  while (pid === '') {
    await new Promise(resolve => setImmediate(resolve));
    if (existsSync(pidFile)) pid = readFileSync(pidFile, 'utf8').trim();
  }
  child.signal('SIGTERM');
  assert.equal((await child.waitForExit()).code, 0);
  while (existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '') {
    await new Promise(resolve => setImmediate(resolve));
  }
});

test('what --check cannot write is an error, not a stack trace', async t => {
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const child = new Child(
    'sh',
    ['-c', '"$@" >/dev/full', 'sh', process.execPath, MANDOS, '--check', `--configdir=${directory}`],
    {},
  );
  t.after(() => child.stop());
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, /cannot write to standard output: no space left on device\n$/);
});

test('two actions at once are refused, and neither is done', async t => {
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)) });
  const file = join(directory, 'exported');
  for (const [one, other] of [
    ['--take-over', '--hand-over'],
    ['--check', '--hand-over'],
    ['--check', '--import-state=/nonexistent'],
    [`--export-state=${file}`, '--hand-over'],
  ] as const) {
    const places = [`--configdir=${directory}`, `--statedir=${stateDirectory(t)}`];
    const child = runNode(t, MANDOS, [one, other, ...places]);
    assert.equal((await child.waitForExit()).code, 2);
    assert.match(child.stderr, /--[a-z-]+ and --[a-z-]+ are two things: run one, then the other/);
    assert.equal(child.stdout, '');
  }
  assert.ok(!existsSync(file));
});

test('--export-state writes over no file', async t => {
  const directory = configDirectory(t, { 'clients.conf': section('ab'.repeat(32)), taken: '' });
  const file = join(directory, 'taken');
  const child = runNode(t, MANDOS, [
    `--export-state=${file}`,
    `--configdir=${directory}`,
    `--statedir=${stateDirectory(t)}`,
  ]);
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, new RegExp(`${file}: is there already: name a new file`));
  assert.equal(readFileSync(file, 'utf8'), '');
});

test('an import without any configuration of clients changes nothing', async t => {
  const directory = configDirectory(t, { 'state.json': JSON.stringify({ c1: properties('c1') }) });
  const state = stateDirectory(t);
  const child = runNode(t, MANDOS, [
    `--import-state=${join(directory, 'state.json')}`,
    `--configdir=${directory}`,
    `--statedir=${state}`,
  ]);
  assert.equal((await child.waitForExit()).code, 1);
  assert.match(child.stderr, /neither clients\.conf nor a client in clients\.d.*1 client/);
  assert.ok(!existsSync(join(state, 'clients.mdb')));
});
