import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyOf, seal } from '../../../server/state/record.js';
import { openStateStore } from '../../../server/state/store.js';
import { damageAndOpen } from './damage.js';
import { openLmdb } from './lmdb.js';
import { configuredClient, openStore, saving, temporaryDirectory } from './scratch.js';

test('a damaged file is found, and left as it is; or all that was stored is there', async () => {
  const found = new Map<string, number>();
  await damageAndOpen(60, 1, (damage, text) => {
    if (text !== undefined) found.set(damage, (found.get(damage) ?? 0) + 1);
  });
  for (const damage of ['a page of zeros', 'a page of garbage', 'a flipped bit of the meta pages']) {
    assert.ok(found.has(damage), damage);
  }
});

test('files that are none of the server’s are damaged ones, empty ones as well', async t => {
  for (const content of ['', 'hello', '\0'.repeat(100_000), 'x'.repeat(100_000)]) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'clients.mdb');
    writeFileSync(path, content);
    await assert.rejects(openStateStore(directory), { code: 'STATE_CORRUPT' });
    assert.equal(readFileSync(path, 'utf8'), content);
  }
});

test('a record that is another’s, whose checksum is wrong, or that is no JSON, is named', async t => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'clients.mdb');
  const store = await openStateStore(directory);
  await store.write(saving(configuredClient('a'), configuredClient('b')));
  await store.close();
  const good = join(temporaryDirectory(t), 'good.mdb');
  copyFileSync(path, good);
  const lmdb = openLmdb(good);
  const [a = assert.fail(), b = assert.fail()] = ['a', 'b'].map(name => lmdb.get(keyOf(name)));
  await lmdb.close();
  const text = b.subarray(16).toString();
  const cases: [Buffer, RegExp][] = [
    [b, /the record "client:a" is spoilt/],
    [Buffer.concat([a.subarray(0, -1), Buffer.from(' ')]), /the record "client:a" is spoilt/],
    [Buffer.alloc(0), /the record "client:a" is spoilt/],
    [seal(keyOf('a'), text), /the record "client:a" cannot be read/],
    [seal(keyOf('a'), '{"name":"a"'), /the record "client:a" cannot be read/],
    [seal(keyOf('a'), 'null'), /the record "client:a" cannot be read/],
  ];
  for (const [value, message] of cases) {
    copyFileSync(good, path);
    const database = openLmdb(path);
    database.putSync(keyOf('a'), value);
    await database.close();
    const before = readFileSync(path);
    await assert.rejects(openStateStore(directory), { code: 'STATE_CORRUPT', message });
    assert.deepEqual(readFileSync(path), before);
  }
});

test('a record that has vanished from its page is missed', async t => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'clients.mdb');
  const store = await openStateStore(directory);
  await store.replaceAll({ saved: [configuredClient('a'), configuredClient('b')], removed: [] });
  await store.close();
  const file = readFileSync(path);
  // The only leaf follows the meta pages; of its three records, the pointer to the last one is taken away.
  const leaf = 2 * file.readUInt32LE(48);
  assert.deepEqual([file.readUInt16LE(leaf + 18), file.readUInt16LE(leaf + 20)], [2, 6]);
  file.writeUInt16LE(4, leaf + 20);
  writeFileSync(path, file);
  await assert.rejects(openStateStore(directory), {
    code: 'STATE_CORRUPT',
    message: /is damaged: 2 records are there, of 3/,
  });
});

test('moved aside, as the message says, the file is no obstacle any more', async t => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'clients.mdb'), 'damaged');
  await assert.rejects(openStateStore(directory), { code: 'STATE_CORRUPT' });
  renameSync(join(directory, 'clients.mdb'), join(directory, 'aside'));
  const store = await openStore(t, directory);
  assert.deepEqual(store.load(), []);
  await store.write(saving(configuredClient('a')));
});
