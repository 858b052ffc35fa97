import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { testPassword as testWith } from '../../../client-plugin/keygen/test-password.js';
import type { Obtain, ObtainOptions } from '../../../client-plugin/keygen/test-password.js';
import type { Server } from '../../../client-plugin/server-tries.js';
import { MandosError } from '../../../common/errors.js';
import { Child } from '../../support/child.js';
import { MANDOS_KEYGEN } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { makeClient, startReleaseServer } from '../../support/release-server.js';
import { observingRelay } from '../observing-relay.js';
import { command, keygen, keygenSucceeds, secretOf, temporaryDirectory, valueOf } from './keygen.js';

const NOWHERE = { connect: [], interfaces: [] };
const from =
  (password: Uint8Array): Obtain =>
  () =>
    Promise.resolve({ password, server: '192.0.2.1:1234' });

const testPassword = (
  keys: string,
  device: string | undefined,
  search: Pick<ObtainOptions, 'connect' | 'interfaces'>,
  obtain: Obtain,
) => testWith(keys, device, search, obtain, processPrivileges());

test('says which server gave the password, and forgets it', async () => {
  const password = Buffer.from('hunter2');
  const line = await testPassword('/keys', undefined, NOWHERE, from(password));
  assert.equal(line, 'the password from 192.0.2.1:1234 decrypts');
  assert.deepEqual(password, Buffer.alloc(7));
});

test('passes on the keys and where to look', async () => {
  const search = { connect: ['[::1]:1'], interfaces: ['eth0'] };
  await testPassword('/keys', undefined, search, (directory, { connect, interfaces, signal }) => {
    assert.equal(directory, '/keys');
    assert.deepEqual({ connect, interfaces }, search);
    assert.equal(signal.aborted, false);
    return Promise.resolve({ password: Buffer.from('x'), server: 's' });
  });
});

test('when all servers have refused it ends: at once when they were given, else when no other has come', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server: Server = {
    key: 'a',
    targets: [{ host: '192.0.2.1', port: 1, origin: 'given', label: 'a' }],
  };
  const refusing: Obtain = (_, { signal, watcher }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      watcher.serversChanged([server]);
      const [target] = server.targets;
      assert.ok(target);
      const refused = new MandosError('FETCH_REFUSED', 'closed the connection');
      watcher.tryFailed({ serverKey: 'a', target, startedMs: 0 }, refused);
    });
  const refusal = { code: 'TEST_REFUSED', message: /192\.0\.2\.1 port 1: closed the connection$/ };

  const given = testPassword('/keys', undefined, { connect: ['192.0.2.1:1'], interfaces: [] }, refusing);
  t.mock.timers.tick(1);
  await assert.rejects(given, refusal);

  let hasEnded = false;
  const found = testPassword('/keys', undefined, NOWHERE, refusing).finally(() => (hasEnded = true));
  found.catch(() => {});
  t.mock.timers.tick(4999);
  await new Promise(resolve => {
    setImmediate(resolve);
  });
  assert.equal(hasEnded, false);
  t.mock.timers.tick(1);
  await assert.rejects(found, refusal);
});

test('an empty password is no success', async () => {
  await assert.rejects(testPassword('/keys', undefined, NOWHERE, from(Buffer.alloc(0))), {
    code: 'TEST_EMPTY',
  });
});

test('what the search says goes through when time is left', async () => {
  const fault = new Error('no keys');
  await assert.rejects(
    testPassword('/keys', undefined, NOWHERE, () => Promise.reject(fault)),
    fault,
  );
});

test('the end of the time says what to look at', async t => {
  t.mock.method(AbortSignal, 'timeout', (ms: number) => {
    assert.equal(ms, 60_000);
    return AbortSignal.abort();
  });
  const over: Obtain = (_, { signal }) => Promise.reject(signal.reason as Error);
  await assert.rejects(testPassword('/keys', undefined, NOWHERE, over), {
    code: 'TEST_TIMEOUT',
    message: /within 60 s.*--connect/,
  });
});

test('a device that cannot be tested is said before anybody is asked', requires('cryptsetup'), async t => {
  const directory = temporaryDirectory(t);
  const plain = join(directory, 'plain');
  writeFileSync(plain, '');
  truncateSync(plain, 32 * 1024 * 1024);
  const nobody: Obtain = () => assert.fail('asked');
  for (const [device, message] of [
    [join(directory, 'absent'), /cannot read .*absent: no such file or directory/],
    [plain, /plain is not a LUKS device/],
    [directory, /is not a LUKS device/],
  ] as const) {
    await assert.rejects(testPassword('/keys', device, NOWHERE, nobody), { code: 'TEST_DEVICE', message });
  }
});

/** A place that nobody may ask: it counts who does. */
async function listening(
  t: TestContext,
): Promise<{ readonly address: string; readonly asked: () => number }> {
  let asked = 0;
  const server = createServer(socket => {
    asked++;
    socket.destroy();
  });
  server.listen(0, '::1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { address: `[::1]:${port}`, asked: () => asked };
}

test('keys that cannot work are said before anybody is asked', async t => {
  const [keys, other] = [temporaryDirectory(t), temporaryDirectory(t)];
  await keygenSucceeds('-d', keys);
  await keygenSucceeds('-d', other);
  const { address, asked } = await listening(t);
  for (const [name, content, said] of [
    ['seckey.txt', undefined, /has no seckey\.txt: .*"mandos-keygen --force --dir=/],
    ['tls-privkey.pem', 'x', /tls-privkey\.pem is not a PEM file/],
    ['pubkey.txt', readFileSync(join(other, 'pubkey.txt')), /pubkey\.txt does not belong to .*seckey\.txt/],
    [
      'tls-pubkey.pem',
      readFileSync(join(other, 'tls-pubkey.pem')),
      /tls-pubkey\.pem does not belong to .*"mandos-keygen --force --dir=/,
    ],
  ] as const) {
    const file = join(keys, name);
    const before = readFileSync(file);
    rmSync(file);
    if (content !== undefined) writeFileSync(file, content);
    const { code, stdout, stderr } = await keygen(['--test', '-d', keys, `--connect=${address}`]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, said);
    rmSync(file, { force: true });
    writeFileSync(file, before);
  }
  assert.equal(asked(), 0);
});

test(
  'without cryptsetup, that is said before anybody is asked',
  requires('root', 'unshare', 'cryptsetup'),
  async t => {
    const keys = temporaryDirectory(t);
    await keygenSucceeds('-d', keys);
    const { address, asked } = await listening(t);
    const script = 'mount -t tmpfs none /usr/sbin && exec "$@"';
    const program = [process.execPath, MANDOS_KEYGEN, '-d', keys];
    const device = luksDevice(t, Buffer.from('x'));
    const child = new Child(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', ...program, `--test=${device}`, `--connect=${address}`],
      {},
    );
    t.after(() => child.kill());
    assert.equal((await child.waitForExit()).code, 1);
    assert.match(child.stderr, /cannot test .* with cryptsetup: it is not installed/);
    assert.equal(asked(), 0);
  },
);

test('the answer of every given server is the end, with what each said', async t => {
  const [keys, other] = [temporaryDirectory(t), temporaryDirectory(t)];
  await keygenSucceeds('-d', keys);
  await keygenSucceeds('-d', other);
  const mine = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'hunter2' });
  const others = await keygen(['-d', other, '-S', '-F', '-'], { input: 'hunter2' });
  const refusing = startReleaseServer(t, []);
  const client = makeClient('web1', valueOf(mine.stdout, 'key_id') ?? '', secretOf(others.stdout));
  const sending = startReleaseServer(t, [client]);
  const connect = [refusing, sending].map(({ port }) => `--connect=[::1]:${port}`);
  const { code, stdout, stderr } = await keygen(['--test', '-d', keys, ...connect]);
  assert.deepEqual([code, stdout], [1, '']);
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /^mandos-keygen: error: no server gave the password: /);
  assert.match(
    last,
    new RegExp(`::1 port ${refusing.port}: closed the connection without sending a password`),
  );
  assert.match(last, new RegExp(`::1 port ${sending.port}: the secret is encrypted to key `));
});

/** A file with a LUKS header, which opens fast. */
function luksDevice(t: TestContext, password: Uint8Array): string {
  const device = join(temporaryDirectory(t), 'disk');
  writeFileSync(device, '');
  truncateSync(device, 32 * 1024 * 1024);
  const format = ['luksFormat', '--batch-mode', '--type=luks2', '--key-file=-', device];
  const fast = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000'];
  command('/usr/sbin/cryptsetup', [...fast, ...format], { input: password });
  return device;
}

test('a LUKS device is opened by the right password only', requires('cryptsetup'), async t => {
  const password = Buffer.from([0xff, 0x00, 0x70, 0x0a]);
  const device = luksDevice(t, password);
  const line = await testPassword('/keys', device, NOWHERE, from(Buffer.from(password)));
  assert.equal(line, `the password from 192.0.2.1:1234 opens ${device}`);

  const wrong = password.subarray(0, 3);
  await assert.rejects(testPassword('/keys', device, NOWHERE, from(Buffer.from(wrong))), {
    code: 'TEST_DEVICE',
    message: /decrypts, but does not open .*disk: No key available with this passphrase/,
  });
  const absent = `${device}-absent`;
  await assert.rejects(testPassword('/keys', absent, NOWHERE, from(Buffer.from(password))), {
    code: 'TEST_DEVICE',
    message: /absent/,
  });
});

test('mandos-keygen --test asks a server, and shows no password', requires('cryptsetup'), async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const section = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'hunter2' });
  const client = makeClient('web1', valueOf(section.stdout, 'key_id') ?? '', secretOf(section.stdout));
  const { port } = startReleaseServer(t, [client]);
  const device = luksDevice(t, Buffer.from('hunter2'));

  const decrypted = await keygen(['--test', '-d', keys, `--connect=[::1]:${port}`]);
  assert.equal(decrypted.stdout, `the password from ::1 port ${port} decrypts\n`);
  assert.equal(decrypted.code, 0);
  const opened = await keygen([`--test=${device}`, '-d', keys, `--connect=[::1]:${port}`]);
  assert.equal(opened.stdout, `the password from ::1 port ${port} opens ${device}\n`);
  assert.equal(opened.code, 0);

  const other = luksDevice(t, Buffer.from('hunter3'));
  const refused = await keygen([`--test=${other}`, '-d', keys, `--connect=[::1]:${port}`]);
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, '');
  assert.match(refused.stderr, /decrypts, but does not open/);
  for (const { stdout, stderr } of [decrypted, opened, refused]) {
    assert.doesNotMatch(stdout + stderr, /hunter/);
  }
});

test('nobody asks the servers, and root tries the device', requires('root', 'cryptsetup'), async t => {
  const keys = temporaryDirectory(t);
  await keygenSucceeds('-d', keys);
  const section = await keygen(['-d', keys, '-S', '-F', '-'], { input: 'hunter2' });
  const client = makeClient('web1', valueOf(section.stdout, 'key_id') ?? '', secretOf(section.stdout));
  const { port } = startReleaseServer(t, [client]);
  const device = luksDevice(t, Buffer.from('hunter2'));
  chmodSync(device, 0o600);
  const { address, users } = await observingRelay(t, port, () => child.pid);
  const args = [MANDOS_KEYGEN, `--test=${device}`, '-d', keys, `--connect=${address}`];
  const child = new Child(process.execPath, args, {});
  t.after(() => child.kill());
  assert.equal((await child.waitForExit()).code, 0, child.stderr);
  assert.match(child.stdout, /opens .*disk$/m);
  assert.deepEqual([...users], ['65534']);
});
