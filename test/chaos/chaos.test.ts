import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { requires } from '../support/requires.js';
import { endure } from './endure.js';
import type { Fault } from './fault.js';
import { FAULTS } from './faults/all.js';
import type { Identities } from './identities.js';
import { makeIdentities } from './identities.js';
import { describe as inWords } from './table.js';

/** By the beginning of their names, and how long they last here; `npm run test:chaos` has all of them, and for longer. */
const SHORT: Readonly<Record<string, number>> = {
  'all of that at once': 5_000,
  'the D-Bus daemon is killed': 3_000,
  'the disk is full, and the server is killed': 2_000,
  'the process that writes the state is killed': 1_000,
  "the server sleeps for longer than the clients' timeout": 25_000,
  'the server has no free file descriptors': 4_000,
};

const NEEDS = requires('root', 'netns', 'tun', 'dbus', 'avahi', 'fping', 'python3', 'prlimit', 'setpriv');
/** They wait most of the time. */
const CONCURRENCY = 3;

describe(
  'nothing is lost or wrongly released, and all is in order again by itself, when',
  { ...NEEDS, concurrency: CONCURRENCY },
  () => {
    let directory = '';
    let identities: Identities | undefined;
    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'chaos-'));
      identities = await makeIdentities(directory);
    });
    after(() => rmSync(directory, { recursive: true, force: true }));

    for (const [beginning, holdMs] of Object.entries(SHORT)) {
      const fault = find(beginning);
      test(fault.name, async t => {
        const report = await endure(t, 'ours', { ...fault, holdMs }, identities ?? assert.fail());
        t.diagnostic(inWords(report));
        assert.deepEqual(report.problems, []);
      });
    }
  },
);

function find(beginning: string): Fault {
  const all: readonly Fault[] = Object.values(FAULTS).flat();
  return all.find(({ name }) => name.startsWith(beginning)) ?? assert.fail(beginning);
}
