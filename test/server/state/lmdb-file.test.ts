import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { readEntries } from '../../../server/state/lmdb-file.js';
import { seededRandom } from '../../support/random.js';
import { openLmdb } from './lmdb.js';
import { temporaryDirectory } from './scratch.js';

function readAll(path: string): [string, string][] {
  const fd = openSync(path, 'r');
  try {
    return [...readEntries(fd)].map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')]);
  } finally {
    closeSync(fd);
  }
}

/** Random transactions; after each, the file is read and compared with what was put. */
async function compare(t: TestContext, seed: number, keys: number, valueBytes: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const path = join(temporaryDirectory(t), 'db.mdb');
  const lmdb = openLmdb(path);
  const expected = new Map<string, string>();
  for (let round = 0; round < 12; round++) {
    lmdb.transactionSync(() => {
      for (let i = below(keys); i >= 0; i--) {
        const key = Buffer.from(`${below(keys)}`.repeat(1 + below(40)));
        if (below(3) === 0) {
          void lmdb.remove(key);
          expected.delete(key.toString('latin1'));
        } else {
          const value = Buffer.alloc(below(below(10) === 0 ? 20 * valueBytes : valueBytes), below(256));
          void lmdb.put(key, value);
          expected.set(key.toString('latin1'), value.toString('latin1'));
        }
      }
    });
    const inOrder = [...expected].toSorted(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(readAll(path), inOrder, `seed ${seed}, round ${round}`);
  }
  await lmdb.close();
}

test('everything that lmdb has written is read, by key', async t => {
  await compare(t, 1, 3, 100);
  await compare(t, 2, 60, 700);
  await compare(t, 3, 1_500, 60);
  await compare(t, 4, 300, 4_000);
});

test('an empty database has no entries', async t => {
  const path = join(temporaryDirectory(t), 'db.mdb');
  const lmdb = openLmdb(path);
  assert.deepEqual(readAll(path), []);
  lmdb.putSync(Buffer.from('a'), Buffer.from('b'));
  assert.deepEqual(readAll(path), [['a', 'b']]);
  lmdb.removeSync(Buffer.from('a'));
  assert.deepEqual(readAll(path), []);
  await lmdb.close();
});
