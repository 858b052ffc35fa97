import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from '../../../server/client/client.js';
import { tryLockFile } from '../../../common/libc-process.js';
import { disable, start } from '../../../server/client/client.js';
import { endCheck, startCheck } from '../../../server/client/checks.js';
import { approve, countRelease } from '../../../server/client/releases.js';
import { restoreClients } from '../../../server/client/restore.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import { seal, VERSION_KEY } from '../../../server/state/record.js';
import { digest, openStateStore } from '../../../server/state/store.js';
import { checkWriterProgram } from '../../../server/state/writer.js';
import { requires } from '../../support/requires.js';
import {
  configuredClient,
  endIfThere,
  openStore,
  saving,
  startStateChild,
  tell,
  temporaryDirectory,
  writerOf,
} from './scratch.js';
import { openLmdb } from './lmdb.js';

test('a client is the same after a restart, but for what its start makes anew', async t => {
  const directory = temporaryDirectory(t);
  const plain = configuredClient('plain', { enabled: false, keyId: '01'.repeat(32) });
  let busy = configuredClient('busy', { fingerprint: 'ef'.repeat(20), keyId: '02'.repeat(32) });
  busy = endCheck(startCheck(busy), { kind: 'killed', signal: 9 }, 2_000);
  busy = approve(countRelease(busy, 3_000), true, 4_000);
  busy = { ...busy, lastApprovalRequestMs: 4_500 };
  const secret = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  busy = changeSettings(busy, { secret, host: 'ü.example.org', fingerprint: undefined }, 5_000);
  const added = { ...configuredClient('added', { fingerprint: 'cd'.repeat(20) }), configured: undefined };
  const disabled = disable(added);

  const store = await openStore(t, directory);
  assert.deepEqual(store.load(), []);
  await store.write(saving(plain, busy, disabled));
  await store.close();

  const again = await openStore(t, directory);
  const stored = again.load();
  const configured = [plain, busy].map(client => client.configured ?? assert.fail());
  const { clients } = restoreClients(configured, stored, { nowMs: 6_000, random: () => 0, digest });
  const byName = new Map(clients.map(client => [client.settings.name, client]));
  assert.deepEqual(byName.get('plain'), plain);
  assert.deepEqual(byName.get('added'), {
    ...disabled,
    settings: { ...disabled.settings, secret: Uint8Array.from(disabled.settings.secret) },
  });
  assert.deepEqual(byName.get('busy'), start(busy, 6_000, 0));
});

test('of a secret that the configuration has, only a digest is stored', async t => {
  const directory = temporaryDirectory(t);
  const store = await openStore(t, directory);
  const secret = Buffer.from('a secret that nobody else has');
  await store.write(saving(configuredClient('a', { secret })));
  await store.close();
  const bytes = readFileSync(join(directory, 'clients.mdb'));
  assert.ok(bytes.includes(digest(secret)));
  for (const text of [secret.toString(), secret.toString('base64'), secret.toString('hex')]) {
    assert.ok(!bytes.includes(text));
  }
});

test('what is saved, removed and forgotten in one batch is so after a restart; the last one counts', async t => {
  const directory = temporaryDirectory(t);
  const [a, b, c] = ['a', 'b', 'c'].map(name => configuredClient(name)) as [Client, Client, Client];
  const store = await openStore(t, directory);
  await store.write(saving(a, b, c));
  await store.write({ saved: [disable(a)], removed: [b], forgotten: ['c', 'never there'] });
  await store.close();
  const again = await openStore(t, directory);
  const facts = again.load().map(({ name, removed, state }) => [name, removed, state.enabled]);
  assert.deepEqual(facts, [
    ['a', false, false],
    ['b', true, true],
  ]);
  await again.write(saving(b));
  await again.close();
  const third = await openStore(t, directory);
  assert.deepEqual(
    third.load().map(({ name, removed }) => [name, removed]),
    [
      ['a', false],
      ['b', false],
    ],
  );
});

test('names of any length and kind are kept apart', async t => {
  const directory = temporaryDirectory(t);
  const names = [
    '',
    ' ',
    'a',
    'A',
    'ä',
    'ä'.normalize('NFD'),
    '\u0000',
    'x'.repeat(5_000),
    'x'.repeat(5_001),
  ];
  const store = await openStore(t, directory);
  await store.write(saving(...names.map(name => configuredClient(name))));
  await store.close();
  const stored = (await openStore(t, directory)).load().map(({ name }) => name);
  assert.deepEqual(stored.toSorted(), names.toSorted());
});

test('replaceAll forgets everything else', async t => {
  const directory = temporaryDirectory(t);
  const store = await openStore(t, directory);
  await store.write(saving(configuredClient('a'), configuredClient('b')));
  await store.replaceAll({ saved: [configuredClient('c')], removed: [configuredClient('d')] });
  await store.write(saving(configuredClient('e')));
  await store.close();
  const again = await openStore(t, directory);
  assert.deepEqual(
    again.load().map(({ name, removed }) => `${name} ${removed}`),
    ['c false', 'd true', 'e false'],
  );
  await again.replaceAll({ saved: [], removed: [] });
  await again.close();
  assert.deepEqual((await openStore(t, directory)).load(), []);
});

test('the directory is made for this user alone, and so are the files', async t => {
  const directory = join(temporaryDirectory(t), 'state');
  const before = process.umask(0o000);
  t.after(() => process.umask(before));
  const store = await openStore(t, directory);
  await store.write(saving(configuredClient('a')));
  assert.equal(statSync(directory).mode & 0o7777, 0o700);
  const files = readdirSync(directory);
  assert.deepEqual(files.toSorted(), ['clients.mdb', 'clients.mdb-lock', 'lock']);
  for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o7777, 0o600, file);
});

test('two servers cannot use one state directory, and the second is told of the first', async t => {
  const directory = temporaryDirectory(t);
  const first = startStateChild(t, directory);
  await first.waitForOutput(/opened/);
  const text = `${directory}: is in use by another mandos, with process ID ${first.pid}; stop that first, or choose another directory with --statedir`;
  await assert.rejects(openStateStore(directory), { code: 'STATE', message: text });
  await tell(first, 'close', /closed/);
  await (await openStateStore(directory)).close();
  // Not even one that was killed.
  const third = startStateChild(t, directory);
  await third.waitForOutput(/opened/);
  await third.stop('SIGKILL');
  await (await openStateStore(directory)).close();
});

test('when the process that writes is killed, a write fails at most, and the next one works', async t => {
  const directory = temporaryDirectory(t);
  const child = startStateChild(t, directory);
  await tell(child, 'write 3 a', /stored a/);
  process.kill(writerOf(child), 'SIGSEGV');
  await tell(child, 'write 3 b', /stored b|failed STATE .*clients\.mdb: cannot be written: .*\n/);
  await tell(child, 'write 3 c', /stored c/);
  await tell(child, 'close', /closed/);
  const hosts = (await openStore(t, directory)).load().map(({ configured }) => configured?.host);
  assert.deepEqual(hosts, ['c', 'c', 'c']);
});

test('a directory is in use until the last write of a server that was killed has ended', async t => {
  const directory = temporaryDirectory(t);
  const child = startStateChild(t, directory);
  await tell(child, 'write 3 a', /stored a/);
  const writer = writerOf(child);
  process.kill(writer, 'SIGSTOP');
  t.after(() => endIfThere(writer));
  // The server alone, not its group.
  child.signal('SIGKILL');
  await child.exited;
  const fd = openSync(join(directory, 'lock'), 'r');
  assert.equal(tryLockFile(fd), false);
  closeSync(fd);
  const next = openStateStore(directory);
  process.kill(writer, 'SIGCONT');
  const store = await next;
  assert.equal(store.load().length, 3);
  await store.close();
});

test('what is no directory, or has none above it, is named', async t => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'of somebody');
  const message = `${file}: is not a directory; choose another with --statedir`;
  await assert.rejects(openStateStore(file), { code: 'STATE', message });
  await assert.rejects(openStateStore(join(directory, 'a/b')), {
    code: 'STATE',
    message: /a\/b: cannot be made: no such file or directory; make the directory above it, or choose/,
  });
  assert.equal(readFileSync(file, 'utf8'), 'of somebody');
});

test(
  'a directory or file of another user is named, with what to do',
  requires('root', 'setpriv'),
  async t => {
    const directory = temporaryDirectory(t);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const advice = 'it must belong to the user that the server runs as';
    const foreign = startStateChild(t, directory, nobody);
    await foreign.waitForOutput(new RegExp(`failed STATE ${directory}/lock: .*permission denied; ${advice}`));
    await (await openStateStore(directory)).close();
    chmodSync(directory, 0o755);
    chownSync(directory, 65534, 65534);
    chownSync(join(directory, 'lock'), 65534, 65534);
    const before = readFileSync(join(directory, 'clients.mdb'));
    const other = startStateChild(t, directory, nobody);
    await other.waitForOutput(
      new RegExp(`failed STATE .*clients.mdb: cannot be read: permission denied; ${advice}`),
    );
    assert.deepEqual(readFileSync(join(directory, 'clients.mdb')), before);
  },
);

test('a file of a later version is left alone, and its version is named', async t => {
  const directory = temporaryDirectory(t);
  await (await openStateStore(directory)).close();
  const path = join(directory, 'clients.mdb');
  const lmdb = openLmdb(path);
  lmdb.putSync(VERSION_KEY, seal(VERSION_KEY, '2'));
  lmdb.putSync(Buffer.from('in a way that'), Buffer.from('only that version knows'));
  await lmdb.close();
  const before = readFileSync(path);
  await assert.rejects(openStateStore(directory), {
    code: 'STATE_NEWER',
    message:
      /clients\.mdb: has format 2, and this version of mandos knows formats up to 1; start the version/,
  });
  assert.deepEqual(readFileSync(path), before);
});

test('a program that the server starts has none of the store’s files open', async t => {
  const child = startStateChild(t, temporaryDirectory(t));
  await child.waitForOutput(/opened/);
  await tell(child, 'write 3 a', /stored a/);
  const [files] = await tell(child, 'spawn', /files: .*/);
  assert.match(files, /proc/);
  assert.doesNotMatch(files, /clients|lock|state-/);
});

test('a process with an open store ends by itself, and with a closed one nothing is left open', async t => {
  const directory = temporaryDirectory(t);
  const child = startStateChild(t, directory);
  await tell(child, 'write 3 a', /stored a/);
  child.stdin.end();
  assert.deepEqual(await child.waitForExit(), { code: 0, signal: null });
  const store = await openStateStore(directory);
  await store.close();
  const open = readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the one that listed the directory
    }
  });
  assert.deepEqual(
    open.filter(path => path.startsWith(directory)),
    [],
  );
});

test('a program that the user of the server cannot read is named, with what to do', t => {
  const program = join(temporaryDirectory(t), 'writer-process.js');
  assert.throws(() => checkWriterProgram(program), {
    code: 'STATE',
    message: /writer-process\.js: cannot be read: no such file or directory; install mandos where/,
  });
});
