/* A damaged file of the state: server/state/stored-file.ts and lmdb-file.ts, through a real file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdb } from '../../server/state/lmdb.js';
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

const PAGE_BYTES = 4096;

export const facts: TargetFacts = {
  covers: ['server/state/'],
  limitBytes: 64 * 1024,
};

export async function prepare(): Promise<Prepared> {
  const { readStoredFile } = await import('../../../server/state/stored-file.js');
  const { DamagedFileError, readEntries } = await import('../../../server/state/lmdb-file.js');
  const { encodeClient, FORMAT_VERSION, keyOf, seal, VERSION_KEY } =
    await import('../../../server/state/record.js');
  const { createClient } = await import('../../../server/client/client.js');
  const { settings } = await import('../../server/import/samples.js');
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-lmdb-'));
  const file = join(directory, 'clients.mdb');
  const seed = async (clients: number) => {
    const path = join(directory, `seed${clients}.mdb`);
    const lmdb = openLmdb(path);
    await lmdb.put(VERSION_KEY, seal(VERSION_KEY, String(FORMAT_VERSION)));
    for (let i = 0; i < clients; i++) {
      const key = keyOf(`c${i}`);
      await lmdb.put(
        key,
        seal(key, encodeClient(createClient(settings(`c${i}`), 1_700_000_000_000, 0.5), i === 3)),
      );
    }
    await lmdb.close();
    return readFileSync(path);
  };
  return {
    seeds: [await seed(0), await seed(2), await seed(12)],
    /** Where LMDB writes what it follows: heads of pages, their lists of nodes, and the nodes. */
    mutate(input, random) {
      const copy = Buffer.from(input);
      const changes = 1 + Math.floor(random() * 3);
      for (let i = 0; i < changes; i++) {
        const page = Math.floor((random() * copy.length) / PAGE_BYTES) * PAGE_BYTES;
        const at = page + Math.floor(random() * (random() < 0.7 ? 200 : PAGE_BYTES));
        if (at < copy.length)
          copy[at] = random() < 0.5 ? random() * 256 : (copy[at] ?? 0) ^ (1 << (random() * 8));
      }
      return copy;
    },
    run(input) {
      writeFileSync(file, input);
      try {
        readStoredFile(file);
      } catch (error) {
        expectFault(error, 'STATE_CORRUPT', 'STATE_NEWER');
      }
      const fd = openSync(file, 'r');
      try {
        for (const _ of readEntries(fd));
      } catch (error) {
        if (!(error instanceof DamagedFileError)) throw error;
      } finally {
        closeSync(fd);
      }
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
