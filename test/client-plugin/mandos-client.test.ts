import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { obtain } from '../../client-plugin/ask-servers.js';
import { readClientKeys } from '../../client-plugin/client-keys.js';
import { clientOptions } from '../../client-plugin/options.js';
import type { PluginContext } from '../../client-plugin/plugin.js';
import { mandosClientPlugin } from '../../client-plugin/run-client.js';
import { createLog } from '../../common/log.js';
import { VERSION } from '../../common/version.js';
import { Child } from '../support/child.js';
import { runNode, scratchDirectory, startLoopbackServer } from '../support/loopback.js';
import type { Keys } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { keyFileOptions, makeKeys, MANDOS_CLIENT } from '../support/programs.js';

const PASSWORD = Buffer.from([0xff, 0x00, 0x0a, 0x20, 0x70, 0x77]);

async function keysOf(t: TestContext): Promise<Keys> {
  return makeKeys(scratchDirectory(t), 'client1', PASSWORD);
}

/** The machine's own interfaces stay as they are, and its hooks are not run. */
const HARMLESS = ['--interface=lo', '--network-hook-dir=/nonexistent'];

function client(t: TestContext, args: readonly string[]): Child {
  return runNode(t, MANDOS_CLIENT, [...HARMLESS, ...args]);
}

async function assertFails(child: Child, status: number, message: RegExp): Promise<void> {
  const { code } = await child.waitForExit();
  assert.equal(code, status, child.tail());
  assert.match(child.stderr, message);
  assert.doesNotMatch(child.stderr, /^\s+at /m, 'no stack trace');
  assert.equal(child.stdoutBytes.length, 0);
}

/** A server that is no Mandos: does this with each connection. */
async function falseServer(t: TestContext, reply: (sent: Buffer) => Buffer | undefined): Promise<number> {
  const server: Server = createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', sent => {
      const answer = reply(sent);
      if (answer) socket.write(answer);
      else socket.destroy();
    });
  });
  server.listen(0, '::1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  return address.port;
}

test('the password is printed byte for byte, without a newline, and the status is 0', async t => {
  const keys = await keysOf(t);
  const { port } = await startLoopbackServer(t, keys.section);
  const child = client(t, [...keyFileOptions(keys.keys), `--connect=::1:${port}`]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.deepEqual(child.stdoutBytes, PASSWORD);
});

test('servers that answer garbage, stall or refuse do not keep a good one from being heard', async t => {
  const [keys, others] = [await keysOf(t), await keysOf(t)];
  const good = await startLoopbackServer(t, keys.section);
  const refusing = await startLoopbackServer(t, others.section.replace('[client1]', '[other]'));
  const garbage = await falseServer(t, () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const stalling = await falseServer(t, () => Buffer.alloc(0));
  const closing = await falseServer(t, () => undefined);
  const ports = [garbage, stalling, closing, refusing.port, good.port];
  const child = client(t, [...keyFileOptions(keys.keys), ...ports.map(port => `--connect=::1:${port}`)]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.deepEqual(child.stdoutBytes, PASSWORD);
});

test('a secret for another key, or none at all, is reported, and the client goes on', async t => {
  const [keys, others] = [await keysOf(t), await keysOf(t)];
  const keyId = /^key_id = .*$/m;
  const foreign = others.section.replace(keyId, keyId.exec(keys.section)?.[0] ?? '');
  const one = await startLoopbackServer(t, foreign);
  const garbage = `[client1]\n${keyId.exec(keys.section)?.[0] ?? ''}\nsecret = ${Buffer.from('no OpenPGP').toString('base64')}\n`;
  const two = await startLoopbackServer(t, garbage);
  const child = client(t, [
    ...keyFileOptions(keys.keys),
    `--connect=::1:${one.port}`,
    `--connect=::1:${two.port}`,
  ]);
  await child.waitForOutput(/encrypted to key [0-9a-f]+, not to the key in .*seckey\.txt/);
  await child.waitForOutput(/not a complete encrypted OpenPGP message/);
  assert.equal((await child.stop()).signal, 'SIGTERM');
  assert.equal(child.stdoutBytes.length, 0);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with nothing on standard output`, async t => {
    const keys = await keysOf(t);
    const stalling = await falseServer(t, () => Buffer.alloc(0));
    const child = client(t, [...keyFileOptions(keys.keys), '--debug', `--connect=::1:${stalling}`]);
    await child.waitForOutput(new RegExp(String(stalling)));
    child.signal(signal);
    assert.deepEqual(await child.waitForExit(), { code: null, signal });
    assert.equal(child.stdoutBytes.length, 0);
  });
}

const MISTAKES: [string[], RegExp][] = [
  [['--bogus'], /--bogus/],
  [['extra'], /extra/],
  [['--connect=::1'], /--connect: "::1" does not end with a port|--connect/],
  [['--connect=localhost:4711'], /"localhost:4711" does not begin with a numeric IP address/],
  [['--connect=::1:70000'], /does not end with a port, 1 to 65535/],
  [['--retry=soon'], /--retry: "soon" is not a number of seconds \(try --retry=10\)/],
  [['--delay=-1'], /--delay: "-1" is not a number of seconds/],
  [['--connect'], /--connect/],
];
for (const [args, message] of MISTAKES) {
  test(`the command line ${args.join(' ')} is a usage error that names it`, t =>
    assertFails(client(t, args), 64, message));
}

test('a key file that is missing or damaged ends it with an error that names the file', async t => {
  const keys = await keysOf(t);
  const connect = '--connect=::1:1';
  await assertFails(client(t, ['--seckey=/nonexistent/key', connect]), 1, /\/nonexistent\/key/);
  for (const name of ['seckey.txt', 'tls-privkey.pem', 'tls-pubkey.pem']) {
    const copy = scratchDirectory(t);
    for (const file of ['seckey.txt', 'pubkey.txt', 'tls-privkey.pem', 'tls-pubkey.pem']) {
      copyFileSync(join(keys.keys, file), join(copy, file));
    }
    const whole = readFileSync(join(copy, name), 'utf8');
    // Readable by its owner alone, also to write: the copy must be opened up first.
    writeFileSync(join(copy, 'damaged'), whole.slice(0, whole.length / 2));
    const options = keyFileOptions(copy).map(option => option.replace(name, 'damaged'));
    await assertFails(client(t, [...options, connect]), 1, /damaged/);
  }
});

test('--dh-bits and --dh-params are accepted, and explained as no longer used', async t => {
  const keys = await keysOf(t);
  const { port } = await startLoopbackServer(t, keys.section);
  const old = ['--dh-bits=2048', '--dh-params=/nonexistent'];
  const child = client(t, [...keyFileOptions(keys.keys), ...old, `--connect=::1:${port}`]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.match(child.stderr, /--dh-bits has no effect/);
  assert.match(child.stderr, /--dh-params has no effect/);
});

test('--help, --usage and --version print on standard output and succeed', async t => {
  for (const [option, pattern] of [
    ['--help', /--connect=ADDRESS:PORT/],
    ['-?', /--connect=ADDRESS:PORT/],
    ['--usage', /^Usage: mandos-client /],
    ['-V', new RegExp(`^mandos-client ${VERSION.replaceAll('.', '\\.')} `)],
  ] as const) {
    const child = client(t, [option]);
    assert.equal((await child.waitForExit()).code, 0);
    assert.match(child.stdout, pattern);
    assert.equal(child.stderr, '');
  }
});

test('a priority string that GnuTLS does not know is an error that quotes it', async t => {
  const keys = await keysOf(t);
  const child = client(t, [...keyFileOptions(keys.keys), '--priority=BOGUS', '--connect=::1:1']);
  await assertFails(child, 1, /priority string "BOGUS"/);
});

test('no secret is in the output of a debug run', async t => {
  const keys = await makeKeys(scratchDirectory(t), 'client1', 'xyzzy-the-password');
  const { port, child: server } = await startLoopbackServer(t, keys.section, ['--debug']);
  const child = client(t, [...keyFileOptions(keys.keys), '--debug', `--connect=::1:${port}`]);
  assert.equal((await child.waitForExit()).code, 0);
  assert.equal(child.stdout, 'xyzzy-the-password');
  const privateLine = readFileSync(join(keys.keys, 'tls-privkey.pem'), 'utf8').split('\n')[1] ?? '';
  for (const text of [child.stderr, server.output]) {
    assert(!text.includes('xyzzy'));
    assert(!text.includes(privateLine));
  }
});

test('it goes on when nobody reads what it says', async t => {
  const keys = await keysOf(t);
  const refusing = await falseServer(t, () => undefined);
  const { port } = await startLoopbackServer(t, keys.section);
  // The reader has ended before the client begins.
  const script = '{ sleep 1; exec "$@" 2>&1 >"$OUT"; } | true';
  const out = join(scratchDirectory(t), 'password');
  const command = [process.execPath, MANDOS_CLIENT, ...HARMLESS, '--debug', ...keyFileOptions(keys.keys)];
  const child = new Child(
    'sh',
    ['-c', script, 'sh', ...command, `--connect=::1:${refusing}`, `--connect=::1:${port}`],
    {
      env: { OUT: out },
    },
  );
  t.after(() => child.stop());
  await child.waitForExit();
  assert.deepEqual(readFileSync(out), PASSWORD);
});

test('a TLS key pair of two halves that do not fit ends it with an error that names both', async t => {
  const [keys, others] = [await keysOf(t), await keysOf(t)];
  const mixed = keyFileOptions(keys.keys).map(option =>
    option.startsWith('--tls-pubkey') ? `--tls-pubkey=${join(others.keys, 'tls-pubkey.pem')}` : option,
  );
  await assertFails(
    client(t, [...mixed, '--connect=::1:1']),
    1,
    /tls-pubkey\.pem does not belong to .*tls-privkey\.pem/,
  );
});

/** What a plugin is given, and what it does with it. */
function pluginContext(signal = new AbortController().signal) {
  const lines: string[] = [];
  const state = { lowered: 0 };
  const context: PluginContext = {
    environment: {},
    log: createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'info'),
    signal,
    privileges: { lower: () => void state.lowered++, asRoot: act => act() },
  };
  return { context, lines, state };
}

test('as a plugin within another process it gives the password, and root rights up', async t => {
  const keys = await keysOf(t);
  const { port } = await startLoopbackServer(t, keys.section);
  const { context, lines, state } = pluginContext();
  const argv = [...HARMLESS, ...keyFileOptions(keys.keys), `--connect=::1:${port}`];
  assert.deepEqual(Buffer.from(await mandosClientPlugin(argv, context)), PASSWORD);
  assert.equal(state.lowered, 1);
  assert.equal(lines.join(), '');
  const hooks = scratchDirectory(t);
  writeFileSync(join(hooks, 'hook'), '#!/bin/sh\n', { mode: 0o755 });
  await mandosClientPlugin([...argv, '--debug', `--network-hook-dir=${hooks}`], context);
  assert.deepEqual(lines, [
    'info: debug: network hook "hook" (start) is run',
    'info: debug: network hook "hook" (stop) is run',
  ]);
});

test('a plugin gets the password again after root rights were given up', requires('root'), async t => {
  const keys = await keysOf(t);
  const { port } = await startLoopbackServer(t, keys.section);
  const argv = [...HARMLESS, ...keyFileOptions(keys.keys), `--connect=::1:${port}`];
  const child = runNode(t, join(import.meta.dirname, 'plugin-child.js'), argv);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(child.stdout, `65534 ${PASSWORD.toString('hex')}\n`.repeat(2), child.tail());
});

test('a plugin that is not needed any more rejects with the reason, as does one that cannot begin', async t => {
  const keys = await keysOf(t);
  const stalling = await falseServer(t, () => Buffer.alloc(0));
  const argv = [...HARMLESS, ...keyFileOptions(keys.keys), `--connect=::1:${stalling}`];
  const controller = new AbortController();
  const { context, state } = pluginContext(controller.signal);
  const asking = mandosClientPlugin(argv, context);
  controller.abort(new Error('typed'));
  await assert.rejects(asking, { message: 'typed' });
  await assert.rejects(mandosClientPlugin(argv, context), { message: 'typed' });
  assert.ok(state.lowered <= 1);
  for (const wrong of ['--bogus', '--help'])
    await assert.rejects(mandosClientPlugin([wrong], pluginContext().context), { code: 'USAGE' });
  await assert.rejects(mandosClientPlugin([...HARMLESS, '--seckey=/nonexistent'], pluginContext().context), {
    code: 'KEY_FILE',
  });
});

test('the secret keys are overwritten once they are used, and when they cannot be', async t => {
  const keys = await keysOf(t);
  const { port } = await startLoopbackServer(t, keys.section);
  const { context } = pluginContext();
  const file = (name: string) => [join(keys.keys, name)];
  const values = (pubkey: string) =>
    clientOptions(
      new Map([
        ['connect', [`::1:${port}`]],
        ['seckey', file('seckey.txt')],
        ['tls-pubkey', file(pubkey)],
        ['tls-privkey', file('tls-privkey.pem')],
      ]),
    );
  for (const pubkey of ['tls-pubkey.pem', 'pubkey.txt']) {
    const options = values(pubkey);
    const read = readClientKeys(options);
    const secret = [read.seckey, read.tlsPrivkey];
    assert.ok(secret.every(({ bytes }) => bytes.some(byte => byte !== 0)));
    const beforeNetwork = () => assert.ok(read.tlsPrivkey.bytes.every(byte => byte === 0));
    const outcome = obtain(options, read, { ...context, beforeNetwork });
    if (pubkey === 'tls-pubkey.pem') assert.deepEqual(Buffer.from((await outcome).password), PASSWORD);
    else await assert.rejects(outcome, { code: 'TLS_KEY' });
    assert.ok(secret.every(({ bytes }) => bytes.every(byte => byte === 0)));
  }
});
