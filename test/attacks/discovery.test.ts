import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_WAIT_MS } from '../support/child.js';
import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { DISCOVERY_ATTACKS, endureDiscovery } from './discovery.js';
import { row } from './table.js';

/** `npm run test:attacks` has all of them, and for longer. */
const SHORT = [
  'mDNS: queries of 100 and of 400 questions',
  "mDNS: goodbyes in the server's name",
  'mDNS: all of that at once',
  'mDNS: all of that at once, of 300 addresses',
];
const NEEDS = requires('root', 'netns');
const PASSWORD = 'correct horse battery';
/** Packets a second. */
const MILD = 200;

describe('machines find their server in spite of', { ...NEEDS, concurrency: 2 }, () => {
  let directory = '';
  let keys: Keys | undefined;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'attacks-'));
    keys = await makeKeys(directory, 'web', PASSWORD);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const name of SHORT) {
    test(name, async t => {
      assert(keys);
      const attack = DISCOVERY_ATTACKS.find(one => one.name === name) ?? assert.fail(name);
      const options = {
        program: 'ours' as const,
        keys,
        password: PASSWORD,
        clients: 1,
        limitMs: DEFAULT_WAIT_MS,
      };
      const report = await endureDiscovery(t, options, { ...attack, rate: MILD });
      t.diagnostic(row(report).trim());
      assert.deepEqual(report.problems, []);
    });
  }
});
