import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { ATTACKS } from './attacks.js';
import { endure } from './endure.js';
import { row } from './table.js';
import type { Tools } from './tools.js';
import { buildTools } from './tools.js';

/** Those that each stand for many; `npm run test:attacks` has all of them, and for longer. */
const SHORT = [
  'all places taken by connections that say nothing, of 4000 networks',
  'handshakes that come a byte at a time, of 400 networks',
  'garbage for a greeting, of 400 networks',
  "a client's handshake, recorded and replayed",
  'unknown keys, of 300 link-local addresses',
  "a client's public key without its private key",
];
const NEEDS = requires('root', 'netns', 'gcc', 'gnutls-dev', 'openssl');
/** The machine that tests it is the attacker as well, and has other things to do. */
const MILD = 0.4;
const MEASURE = { seconds: 2, rate: 5 };

describe('a server serves honest clients, and only them, and keeps its limits, against', NEEDS, () => {
  let directory = '';
  let tools: Tools | undefined;
  let keys: Keys | undefined;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'attacks-'));
    tools = await buildTools(directory);
    keys = await makeKeys(directory, 'web', 'correct horse battery');
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const name of SHORT) {
    test(name, async t => {
      assert(tools && keys);
      const attack = ATTACKS.find(one => one.name === name) ?? assert.fail(name);
      // All places are taken at any rate: the server has fewer.
      const mild = {
        ...attack,
        rate: attack.rate * MILD,
        simultaneous: Math.ceil(attack.simultaneous * MILD),
      };
      const mandosConf = 'max_connections = 1000\n';
      const report = await endure(
        t,
        { program: 'ours', workers: 1, tools, keys },
        { ...mild, mandosConf },
        MEASURE,
      );
      t.diagnostic(row(report).trim());
      assert.deepEqual(report.problems, []);
    });
  }
});
