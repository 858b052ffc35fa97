/*
 * Damages files of the state in random ways, and looks what becomes of that: node dist/test/server/state/damage.js
 * [ROUNDS] [SEED].
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoredClient } from '../../../server/client/store.js';
import { readStoredFile } from '../../../server/state/stored-file.js';
import { openStateStore } from '../../../server/state/store.js';
import { pick, seededRandom } from '../../support/random.js';
import { configuredClient, saving } from './scratch.js';

/** LMDB's, on machines with pages of 4 KiB; on others it is as good a size of a hole as any. */
const PAGE_BYTES = 4096;

type Damage = (file: Buffer, random: () => number) => Buffer;

/** Whatever a disk, a file system or a person may do to a file. Each changes a copy of it. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'a flipped bit': (file, random) => {
    const at = Math.floor(random() * file.length);
    file[at] = (file[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    return file;
  },
  'a flipped bit of the meta pages': (file, random) => {
    const at = Math.floor(random() * 2) * PAGE_BYTES + Math.floor(random() * 170);
    file[at] = (file[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    return file;
  },
  'a byte of a page’s head': (file, random) => {
    const at = Math.floor((random() * file.length) / PAGE_BYTES) * PAGE_BYTES + Math.floor(random() * 48);
    file[at] = Math.floor(random() * 256);
    return file;
  },
  'a page of zeros': (file, random) => file.fill(0, ...page(file, random)),
  'a page of garbage': (file, random) => {
    const [start, end] = page(file, random);
    for (let i = start; i < end; i++) file[i] = Math.floor(random() * 256);
    return file;
  },
  'a page in another’s place': (file, random) => {
    const [start, end] = page(file, random);
    file.copy(file, page(file, random)[0], start, end);
    return file;
  },
  'a sector of zeros': (file, random) => {
    const at = Math.floor((random() * file.length) / 512) * 512;
    return file.fill(0, at, at + 512);
  },
  'a cut': (file, random) => file.subarray(0, Math.floor(random() * file.length)),
  'a cut at a page': (file, random) => file.subarray(0, page(file, random)[0]),
};

function page(file: Buffer, random: () => number): [number, number] {
  const start = Math.floor((random() * file.length) / PAGE_BYTES) * PAGE_BYTES;
  return [start, start + PAGE_BYTES];
}

/** A real store's file, with small and large records, and pages that are free. */
async function makeFile(random: () => number): Promise<{ file: Buffer; stored: StoredClient[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'damage-'));
  try {
    const store = await openStateStore(directory);
    const size = Math.floor(10 + random() * 300);
    for (let i = 0; i < 12; i++) {
      const clients = Array.from({ length: Math.floor(random() * size) }, () => {
        const client = configuredClient(`client${Math.floor(random() * size)}`);
        const secret = Buffer.alloc(random() < 0.1 ? 9_000 : 50, i);
        return random() < 0.5 ? client : { ...client, settings: { ...client.settings, secret } };
      });
      await store.write(saving(...clients));
      await store.write({ saved: [], removed: [], forgotten: clients.slice(0, 5).map(c => c.settings.name) });
    }
    await store.close();
    const path = join(directory, 'clients.mdb');
    return { file: readFileSync(path), stored: readStoredFile(path) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * Damages a file in each way, and opens it. It is either found to be damaged, and stays as it is, or it has all that it
 * had, and can be written.
 * @param report told of each round: the damage, and what was said of it, if anything
 */
export async function damageAndOpen(
  rounds: number,
  seed: number,
  report: (damage: string, text: string | undefined) => void,
): Promise<void> {
  const random = seededRandom(seed);
  const kinds = Object.keys(DAMAGES) as [string, ...string[]];
  let made = await makeFile(random);
  for (let round = 0; round < rounds; round++) {
    if (round % 20 === 19) made = await makeFile(random);
    const kind = pick(random, kinds);
    const directory = mkdtempSync(join(tmpdir(), 'damage-'));
    try {
      const damaged = DAMAGES[kind]?.(Buffer.from(made.file), random) ?? assert.fail();
      report(kind, await openDamaged(directory, damaged, made.stored));
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: ${kind}`, { cause: error });
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}

async function openDamaged(
  directory: string,
  damaged: Uint8Array,
  stored: readonly StoredClient[],
): Promise<string | undefined> {
  const path = join(directory, 'clients.mdb');
  writeFileSync(path, damaged, { mode: 0o600 });
  const { mtimeMs } = statSync(path);
  try {
    const store = await openStateStore(directory);
    try {
      assert.deepEqual(store.load(), stored);
      await store.write(saving(...stored.map(({ name }) => configuredClient(name))));
    } finally {
      await store.close();
    }
    assert.equal(readStoredFile(path).length, stored.length);
    return undefined;
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    if (code !== 'STATE_CORRUPT') throw error;
    assert.ok(message.startsWith(`${path}: is damaged: `) && message.includes('move it aside'), message);
    assert.ok(readFileSync(path).equals(damaged), 'the file has been changed');
    assert.equal(statSync(path).mtimeMs, mtimeMs);
    return message;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [rounds = '500', seed = String(Date.now() % 1e6)] = process.argv.slice(2);
  const counts = new Map<string, { found: number; harmless: number }>();
  await damageAndOpen(Number(rounds), Number(seed), (damage, text) => {
    const count = counts.get(damage) ?? { found: 0, harmless: 0 };
    counts.set(damage, count);
    if (text === undefined) count.harmless++;
    else count.found++;
  });
  const lines = [...counts].map(
    ([damage, { found, harmless }]) => `${damage}: ${found} found, ${harmless} harmless`,
  );
  process.stdout.write(`seed ${seed}\n${lines.join('\n')}\n`);
}
